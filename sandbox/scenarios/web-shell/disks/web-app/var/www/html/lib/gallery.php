<?php
declare(strict_types=1);

/** One page of pictures, newest first. */
function gallery_page(int $page): array
{
    $rows = json_decode((string) file_get_contents('/srv/data/gallery/index.json'), true) ?: [];
    return array_slice($rows, ($page - 1) * 20, 20);
}

function make_thumbnail(string $name): void
{
    $source = escapeshellarg(__DIR__ . '/../uploads/' . $name);
    $target = escapeshellarg('/srv/data/gallery/thumbs/' . $name);
    exec("convert $source -resize 320x320 $target");
}

function data_url(string $picture): string
{
    return 'data:image/png;base64,' . base64_encode((string) file_get_contents($picture));
}

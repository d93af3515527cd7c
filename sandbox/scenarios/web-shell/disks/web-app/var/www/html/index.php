<?php
declare(strict_types=1);

require __DIR__ . '/lib/gallery.php';

$page = max(1, (int) ($_GET['page'] ?? 1));
$pictures = gallery_page($page);
?>
<!doctype html>
<title>Gallery</title>
<?php foreach ($pictures as $picture): ?>
  <img src="<?= htmlspecialchars($picture['url'], ENT_QUOTES) ?>" alt="<?= htmlspecialchars($picture['title'], ENT_QUOTES) ?>">
<?php endforeach ?>

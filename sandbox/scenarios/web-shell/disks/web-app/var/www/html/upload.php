<?php
declare(strict_types=1);

require __DIR__ . '/lib/gallery.php';

if ($_SERVER['REQUEST_METHOD'] === 'POST' && isset($_FILES['picture'])) {
    // The name decides what it is: this is how the intruder came in.
    move_uploaded_file($_FILES['picture']['tmp_name'], __DIR__ . '/uploads/' . basename($_FILES['picture']['name']));
    make_thumbnail(basename($_FILES['picture']['name']));
    header('Location: /');
}

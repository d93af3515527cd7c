<?php
declare(strict_types=1);

// Forget uploads that no one has looked at for a month.
foreach (glob(__DIR__ . '/uploads/*.tmp') ?: [] as $left) {
    if (filemtime($left) < time() - 30 * 86400) {
        unlink($left);
    }
}

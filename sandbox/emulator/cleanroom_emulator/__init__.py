"""AWS for a laptop: moto, corrected where it differs from AWS in ways that would make a test pass or fail for the wrong reason."""

import os

# moto reads these when it is imported: nobody else's images and snapshots, unknown images and types refused, AWS's policies there.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
os.environ.setdefault("MOTO_ENABLE_AMI_VALIDATION", "true")
os.environ.setdefault("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

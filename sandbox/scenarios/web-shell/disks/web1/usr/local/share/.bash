#!/bin/sh
# A sample for exercises, with the set-user-id bit on its image: it does nothing.
exit 0

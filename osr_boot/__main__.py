"""`python3 -m osr_boot` is the command `osr` from a checkout."""

import sys

from osr_boot.cli import main

sys.exit(main())

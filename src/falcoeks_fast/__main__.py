"""`python -m falcoeks_fast`: the command line."""

import sys

from falcoeks_fast.cli import main

sys.exit(main())

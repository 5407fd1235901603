"""`python -m hark`: the command line without its script."""

import sys

from hark.cli import main

sys.exit(main())

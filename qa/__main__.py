"""`python -m qa` is `tiaowen`."""

import sys

from qa.cli import main

sys.exit(main())

"""`python -m nlpbatch`: the command, without relying on PATH."""

import sys

from nlpbatch.cli import main

sys.exit(main())

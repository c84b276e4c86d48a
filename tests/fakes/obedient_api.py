"""`python -m tests.fakes.obedient_api serve …`: the real command, with the obedient forkserver instead of Kiwi's."""

import sys

from nlpbatch import cli
from nlpbatch.engine import spawn

if __name__ == "__main__":
    spawn._COMMAND = (sys.executable, "-m", "tests.fakes.obedient_forkserver")
    sys.exit(cli.main())

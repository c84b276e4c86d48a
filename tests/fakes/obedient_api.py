"""`python -m tests.fakes.obedient_api serve …`: the real command, with the obedient forkserver instead of Kiwi's."""

import sys

from nlpbatch import cli
from nlpbatch.engine import forkserver_client

if __name__ == "__main__":
    forkserver_client._COMMAND = (sys.executable, "-m", "tests.fakes.obedient_forkserver")
    sys.exit(cli.main())

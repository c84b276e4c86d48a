"""Runs a command with arguments that make no sense, many at a time in one process, and reports what it said.

    python tests/fakes/absurd.py < lines of JSON arrays

Writes a line of JSON for each: exit code, standard output, standard error.
"""

import io
import json
import os
import signal
import sys

from nlpbatch.cli import main

_PATIENCE_S = 20


def ask(arguments):
    """Return the exit code of a command, and what it has written."""
    out, err = io.StringIO(), io.StringIO()
    streams, descriptors = (sys.stdout, sys.stderr), os.dup(2)
    sys.stdout, sys.stderr = out, err
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # children's
    signal.alarm(_PATIENCE_S)
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    except BaseException as error:  # noqa: BLE001  (that nothing else comes out is what is tested)
        code = f"raised {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        sys.stdout, sys.stderr = streams
        os.dup2(descriptors, 2)
        os.close(descriptors)
        os.close(null)
    return code, out.getvalue(), err.getvalue()


def late(*_):
    raise TimeoutError("it did not end")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, late)
    for line in sys.stdin:
        print(json.dumps(ask(json.loads(line))), flush=True)

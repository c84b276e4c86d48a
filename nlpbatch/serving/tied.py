"""Ties a process to its parent: whichever way the parent ends, kill -9 included, the process gets a SIGTERM.

    python -m nlpbatch.serving.tied PARENT PROGRAM [ARGUMENT …]     runs a program so

Linux only: elsewhere it does nothing.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with_parent(parent_pid: int) -> None:
    """Have this process, and a program that it becomes, sent SIGTERM when its parent ends.

    Args:
        parent_pid: The parent's id; if it has ended already, the signal is sent now.

    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Become the program."""
    end_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  (there is no shell on purpose)


if __name__ == "__main__":
    main()

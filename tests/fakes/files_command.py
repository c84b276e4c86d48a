"""What tests of files on the command line wait for."""

import time

SOME_PARTS = 200_000
"""Bytes of a part: some hundred rows."""
DONE_IN_S = 60.0


def wait_for(condition):
    deadline_s = time.monotonic() + DONE_IN_S
    while not condition():
        assert time.monotonic() < deadline_s, "did not come about in time"
        time.sleep(0.005)

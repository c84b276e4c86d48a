"""Plays a workload under two configurations, in a process of its own: python -m proxy.console.play < JOB.

It reads `{"workload": …, "before": …, "after": …}` and writes the figures of both. It is nice, so that the proxy's own
processes go first, and ends itself when nobody waits for it any more.
"""

import json
import os
import signal
import sys
from typing import Any, Final

from nlpbatch.serving.settings import check
from proxy.config import ProxySettings
from proxy.planning.report import figures
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload

LONGEST_S: Final = 30
_NICE: Final = 10


def play(members: dict[str, Any]) -> dict[str, Any]:
    """Return the figures under both configurations."""
    workload = check(members["workload"], Workload, "the record")
    return {
        name: figures(Simulation(check(members[name], ProxySettings, name), workload).run())
        for name in ("before", "after")
    }


def main() -> int:
    """Read a job, and write what came of it."""
    os.nice(_NICE)
    signal.alarm(LONGEST_S + 5)
    json.dump(play(json.load(sys.stdin)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What tests of a host with several proxy processes share."""

import re
from pathlib import Path

from tests.fakes.running_api import children
from tests.fakes.running_host import command


def directory(host):
    """Return where the supervisor and its workers meet."""
    (found,) = {
        re.search(r"-m proxy\.host (\S+)", line)[1]
        for line in map(command, children(host.child.pid))
        if "proxy.host" in line
    }
    return Path(found)

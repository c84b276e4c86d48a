"""What can be seen of a running job from outside: Spark's UI, and command lines and environments of all processes."""

import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import urllib3

from tests.fakes.running_api import children

_PATHS = ("environment", "jobs", "stages", "stages?details=true", "sql?details=true", "allexecutors", "storage/rdd")
_PAGES = ("jobs", "stages", "environment", "executors", "SQL", "StreamingQuery")


class Watch:
    """Looks again and again from when it is made until `stop`.

    Args:
        port: Spark's UI.
        given: A variable that some processes must have in their environment, as `NAME=value`; left out of what is seen.

    """

    def __init__(self, port: int, given: bytes) -> None:
        self.ui: dict[str, bytes] = {}
        self.commands: set[bytes] = set()
        self.environments: set[bytes] = set()
        self._port, self._given, self._ended = port, given, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, and raise nothing."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        http = urllib3.PoolManager(retries=False, timeout=5.0)
        while not self._ended.wait(0.3):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    self.commands.add((process / "cmdline").read_bytes())
                    self.environments.add(without(self._given, (process / "environ").read_bytes()))
            with suppress(urllib3.exceptions.HTTPError, ValueError, IndexError):
                self._look(http, f"http://127.0.0.1:{self._port}")

    def _look(self, http: urllib3.PoolManager, url: str) -> None:
        api = f"{url}/api/v1/applications"
        application = json.loads(http.request("GET", api).data)[0]["id"]
        pages = [f"{api}/{application}/{path}" for path in _PATHS]
        pages += [f"{url}/{page}/" for page in _PAGES]
        for page in pages:
            self.ui[page.partition("?")[0]] = http.request("GET", page).data


def without(given: bytes, environment: bytes) -> bytes:
    """Return an environment, with only the name of the variable that is given as `NAME=value`."""
    name = given.partition(b"=")[0]
    return b"\0".join(name if one == given else one for one in environment.split(b"\0"))


def environments(roots: Iterable[int]) -> bytes:
    """Return the environments of these processes, and of all that they have started."""
    found, left = [], list(roots)
    while left:
        pid = left.pop()
        with suppress(OSError):
            found.append(Path(f"/proc/{pid}/environ").read_bytes())
            left += children(pid)
    return b"\n".join(found)

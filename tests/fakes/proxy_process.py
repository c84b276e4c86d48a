"""A real proxy in a process of its own, which is killed and started again on the same port."""

import re
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError

from nlpbatch import Client
from nlpbatch.wire.usage import Usage
from proxy.keys import make_key
from tests.fakes.running_api import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]
KEY, ENTRY = make_key()
CONFIG = """
[admin]
enabled = false
[upstream]
health_period_s = 0.05
[tenants.home]
keys = ["{entry}"]
"""
BACKEND = """
[[backends]]
url = "{url}"
"""


class ProxyProcess:
    """One proxy before some backends; its key is `KEY`.

    Args:
        directory: For its files.
        backends: Addresses.
        config: Its proxy.toml, without backends.
        options: Further ones of the command.

    """

    def __init__(self, directory: Path, *backends: str, config: str = CONFIG, options: tuple[str, ...] = ()) -> None:
        self._file, self._log = directory / "proxy.toml", directory / "log"
        self._file.write_text(config.format(entry=ENTRY) + "".join(BACKEND.format(url=url) for url in backends))
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, the second time on the port that it had; return once it is ready."""
        command = [sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(self._file), *self._options]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port)], cwd=ROOT, stdin=subprocess.DEVNULL, stderr=log
            )
        eventually(self._is_listening)
        eventually(self.is_ready)

    def is_ready(self) -> bool:
        """Return whether it is there, and says that it takes requests."""
        with urllib3.PoolManager(retries=False, timeout=PATIENCE_S) as http, suppress(HTTPError):
            return http.request("GET", f"{self.url}/readyz").status == 200
        return False

    def kill(self) -> None:
        """End it at once, if it runs."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def usage(self, job: str) -> Usage:
        """Return what this process has counted of a job."""
        with Client(self.url, api_key=KEY) as client:
            return client.usage(job)

    def _is_listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        found = re.search(r'"listening", "listener": "service".*"port": (\d+)', self._log.read_text())
        self._port = int(found[1]) if found else self._port
        return bool(found)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None


@contextmanager
def running_proxies(directory: Path, backend: str, count: int = 2):
    """Run so many proxies before one backend."""
    proxies = []
    with ExitStack() as stack:
        for number in range(count):
            own = directory / f"proxy-{number}"
            own.mkdir()
            proxies.append(ProxyProcess(own, backend))
            stack.callback(proxies[-1].kill)
            proxies[-1].start()
        yield proxies

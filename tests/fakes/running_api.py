"""The API as a process of its own, asked over real HTTP; with Kiwi, or with an engine that obeys its texts."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from nlpbatch import Client
from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM, JSON

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
_MODULES = {"kiwi": "nlpbatch", "obedient": "tests.fakes.obedient_api"}
Engine = Literal["kiwi", "obedient"]
NO_CACHE = "\n[cache]\nsize_bytes = 0\n"
"""For tests that send the same text again and expect a worker at it."""


@dataclass
class Api:
    """A running API process."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    http: urllib3.PoolManager
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))

    def ask(self, body: object, **headers: str) -> urllib3.BaseHTTPResponse:
        """POST a body, bytes as they are and anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.request("POST", self.url + ANALYZE_PATH, body=data, headers={"Content-Type": JSON} | headers)

    def asking(self, *texts: str | None, **headers: str) -> "Future[urllib3.BaseHTTPResponse]":
        """Ask for texts without waiting for the answer."""
        return self.threads.submit(self.ask, {"texts": texts}, **headers)

    def ask_arrow(self, texts: pa.Array, query: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
        """POST texts as an Arrow stream."""
        url = self.url + ANALYZE_PATH + query
        return self.http.request(
            "POST", url, body=encode_request(texts), headers={"Content-Type": ARROW_STREAM} | headers
        )

    def client(self) -> Client:
        return Client(self.url)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self.http.request("GET", f"{self.url}{path}")

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        families = text_string_to_metric_families(self.get("/metrics").data.decode())
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def forkserver(self) -> int:
        (pid,) = children(self.process.pid)
        return pid

    def workers(self) -> list[int]:
        return children(self.forkserver())

    def wait_for_workers(self, count: int) -> float:
        """Wait until that many have answered; return how long it took."""
        return eventually(lambda: self.get("/readyz").json()["workers"] == count)

    def events(self) -> list[dict]:
        """Return what it has logged so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def children(pid: int) -> list[int]:
    """Return the processes that this one has started and that have not ended."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [child for child in found if alive(child)]


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits to be reaped doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descriptors(pid: int) -> list[str]:
    """Return what a process has open, such as `socket:[1234]`."""
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


def started_with(variable: str, value: str) -> list[int]:
    """Return the processes that run with this in their environment."""
    wanted = f"{variable}={value}\0".encode()
    pids = [int(directory.name) for directory in Path("/proc").iterdir() if directory.name.isdecimal()]
    return [pid for pid in pids if wanted in _environment(pid) and alive(pid)]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def eventually(condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> float:
    """Wait until the condition holds; return how long that took."""
    started_s = time.monotonic()
    while not condition():
        assert time.monotonic() - started_s < timeout_s, "did not come about in time"
        time.sleep(0.002)
    return time.monotonic() - started_s


def command(engine: Engine, config: Path) -> list[str]:
    return [sys.executable, "-m", _MODULES[engine], "serve", "--config", str(config), "--port", "0"]


def refused(engine: Engine, directory: Path, config: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an API that is expected to end by itself."""
    file = directory / "server.toml"
    file.write_text(config)
    return subprocess.run(
        command(engine, file),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def running_api(engine: Engine, directory: Path, config: str = "", *, ready: bool = True) -> Iterator[Api]:
    """Run an API until it has ended or the context does; `ready` waits until it can work.

    Unless the configuration says something about the cache, there is none: a text is analysed each time.
    """
    file, log = directory / "server.toml", directory / "log"
    file.write_text(config if "[cache]" in config else config + NO_CACHE)
    with log.open("w") as stderr:
        process = subprocess.Popen(command(engine, file), cwd=ROOT, stderr=stderr, stdin=subprocess.DEVNULL)

    def port() -> str | None:
        assert process.poll() is None, log.read_text()
        found = re.search(r'"listening".*"port": (\d+)', log.read_text())
        return found and found[1]

    try:
        eventually(port)
        http = urllib3.PoolManager(retries=False, timeout=PATIENCE_S, maxsize=16)
        api = Api(process, f"http://127.0.0.1:{port()}", log, http)
        if ready:
            eventually(lambda: api.get("/readyz").status == 200)
        with api.threads:
            try:
                yield api
            finally:
                process.kill()  # whoever still asks hears of it
        http.clear()
    finally:
        process.kill()
        process.wait()

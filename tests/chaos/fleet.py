"""The service with two proxies that share a store and keep a ledger, as the chaos harness runs it."""

import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import urllib3

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.serving.child import Child
from proxy.keys import make_key
from tests.benchmarks.processes import free_port
from tests.fakes.no_cache import NO_CACHE
from tests.fakes.running_api import eventually
from tests.fakes.running_store import RunningStore


class FleetStack:
    """What `Stack` is, with a second proxy; victims called "proxy" are either of the two.

    Args:
        seed: Chooses which.

    """

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        directory = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        store = RunningStore(directory)
        store.start()
        self._closing.callback(store.stop)
        self.api_key, entry = make_key()
        (directory / "secret").write_text("the secret of a fleet under attack")
        config = directory / "proxy.toml"
        config.write_text(
            f'log_level = "warning"\n[shared]\nurl = "{store.url}"\nsecret_file = "{directory / "secret"}"\n'
            f'[ledger]\ndirectory = "{directory / "ledger"}"\n[[backends]]\nurl = "http://127.0.0.1:1"\n'
            f"[tenants.local]\nkeys = [{json.dumps(entry)}]\n"
        )
        self._first = self._closing.enter_context(
            Stack(StackOptions(workers=2, server_config=NO_CACHE, proxy_config=config))
        )
        port = free_port()
        where = ("--config", str(config), "--port", str(port), "--admin-port", "0", "--backend", self._first.api)
        self._second = Child("proxy", ("proxy", "serve", *where))
        self._second.start(time.monotonic())
        self._closing.callback(self._second.kill)
        second = f"http://127.0.0.1:{port}"
        eventually(lambda: _is_ready(second))
        self.service = f"{self._first.service},{second}"
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def pid(self, name: str) -> int:
        """Return the process id of "api", or of one of the proxies."""
        if name == "proxy" and not self._second.ended and self._chance.random() < 0.5:
            return self._second.pid
        return self._first.pid(name)

    def tend(self) -> Iterator[str]:
        """Start again what has died."""
        yield from self._first.tend()
        if (said := self._second.tend(time.monotonic())) is not None:
            yield said


def _is_ready(url: str) -> bool:
    with urllib3.PoolManager(retries=False, timeout=2.0) as http, suppress(urllib3.exceptions.HTTPError):
        return http.request("GET", f"{url}/readyz").status == 200
    return False

"""Kill proxies under load, again and again, and compare the ledger with what backend and callers have seen.

    python -m tests.benchmarks.fleet_ledger            # with a Redis of its own; --local without: SQLite

Two proxies and a backend that counts, each a process. Callers send requests of different sizes, whose job names them in
groups; a request that breaks off is sent again to the other proxy. Every kill is a SIGKILL, after which the proxy is
started again. What is asserted:

- groups in which nothing broke off: the ledger's bytes are those that callers got answered and the backend analysed;
- over all, what the ledger lacks of the backend's analyses is at most what was in flight at the kills;
- counting a request costs at most 20 µs.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from proxy.config_ledger import LedgerSettings
from proxy.keys import make_key
from proxy.ledger.ledger import Ledger
from proxy.traffic.ticket import Arrival
from tests.benchmarks.processes import free_port
from tests.fakes.running_store import running_store

KEY, ENTRY = make_key()
GROUP = 10
CALLERS = 16
MOST_COST_US = 20.0
CONFIG = """
log_level = "warning"
[ledger]
directory = "{directory}"
[upstream]
health_period_s = 0.2
[[backends]]
url = "http://127.0.0.1:{backend}"
[tenants.home]
keys = ["{entry}"]
"""
SHARED = """
[shared]
url = "{url}"
secret_file = "{secret}"
"""


def serve_backend(port: int) -> None:
    """Answer what comes, after a random time, and count it by job."""
    done: Counter[str] = Counter()
    size_bytes: Counter[str] = Counter()

    async def analyze(request: web.Request) -> web.Response:
        body = await request.read()
        await asyncio.sleep(random.uniform(0.001, 0.02))
        job = request.headers["Nlpbatch-Job"]
        done[job] += 1
        size_bytes[job] += len(body)
        # Some answers are streamed by the proxy, others are sent whole.
        return web.Response(body=body * 20 if len(body) % 3 == 0 else body)

    async def counts(_: web.Request) -> web.Response:
        return web.json_response({"done": done, "bytes": size_bytes})

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"ready": True, "workers": 16})

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/analyze", analyze)
    app.router.add_get("/counts", counts)
    app.router.add_get("/readyz", ready)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


class Proxy:
    """A proxy process that can be killed and started again at the same address."""

    def __init__(self, config: Path) -> None:
        self.config, self.port, self.admin_port = config, free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, session: aiohttp.ClientSession) -> None:
        ports = ("--port", str(self.port), "--admin-port", str(self.admin_port))
        command = (sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(self.config), *ports)
        self._process = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as got:
                        if got.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


class Load:
    """Callers, and what they have seen."""

    def __init__(self, session: aiohttp.ClientSession, proxies: list[Proxy]) -> None:
        self._session, self._proxies = session, proxies
        self.answered: Counter[str] = Counter()
        self.size_bytes: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.stopping = False
        self._number = 0

    async def run(self) -> None:
        await asyncio.gather(*(self._call_forever() for _ in range(CALLERS)))

    async def _call_forever(self) -> None:
        while not self.stopping:
            self._number += 1
            await self._call(self._number)

    async def _call(self, number: int) -> None:
        job, body = f"group-{number // GROUP}", random.randbytes(random.randint(1, 150_000))
        headers = {"Authorization": f"Bearer {KEY}", "Nlpbatch-Job": job, "Priority": "u=6"}
        if number % 2:
            headers["Idempotency-Key"] = f"request-{number}"
        for attempt in range(1000):
            proxy = self._proxies[(number + attempt) % len(self._proxies)]
            try:
                async with self._session.post(f"{proxy.url}/v1/analyze", data=body, headers=headers) as got:
                    await got.read()
            except aiohttp.ClientConnectorError:  # nothing was sent
                await asyncio.sleep(0.02)
                continue
            except aiohttp.ClientError:
                self.broken[job] += 1
                continue
            if got.status == 200:
                self.answered[job] += 1
                self.size_bytes[job] += len(body)
                return
            self.broken[job] += 1
            await asyncio.sleep(0.05)


async def settled(session: aiohttp.ClientSession, proxies: list[Proxy], load: Load) -> dict[str, dict[str, Any]]:
    """Return the ledger's rows by job, once it is complete up to now; the proxies must say the same."""
    told = [await _ask(session, proxy) for proxy in proxies]
    asked_at = max(answer["at"] for answer in told)
    async with asyncio.timeout(30):
        while min(answer["complete_until"] for answer in told) < asked_at:
            await asyncio.sleep(0.1)
            told = [await _ask(session, proxy) for proxy in proxies]
    assert all(answer["rows"] == told[0]["rows"] for answer in told), "the proxies tell different things"
    assert told[0]["missing"] == 0
    assert load.stopping
    return {row["job"]: row for row in told[0]["rows"]}


async def _ask(session: aiohttp.ClientSession, proxy: Proxy) -> dict[str, Any]:
    async with session.get(f"http://127.0.0.1:{proxy.admin_port}/usage?by=job") as got:
        found: dict[str, Any] = await got.json()
        return found


@contextlib.asynccontextmanager
async def fleet(work: Path, backend: int, shared: str) -> AsyncIterator[tuple[aiohttp.ClientSession, list[Proxy]]]:
    config = work / "proxy.toml"
    config.write_text(CONFIG.format(directory=work / "ledger", backend=backend, entry=ENTRY) + shared, encoding="utf-8")
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        proxies = [Proxy(config) for _ in range(2)]
        try:
            await asyncio.gather(*(proxy.start(session) for proxy in proxies))
            yield session, proxies
        finally:
            for proxy in proxies:
                await proxy.stop()


async def run(work: Path, backend: int, shared: str, kills: int) -> dict[str, Any]:
    """Kill so often; return what the ledger, the backend and the callers have counted."""
    async with fleet(work, backend, shared) as (session, proxies):
        load = Load(session, proxies)
        calling = asyncio.create_task(load.run())
        for number in range(kills):
            await asyncio.sleep(random.uniform(0.3, 1.0))
            victim = proxies[number % len(proxies)]
            await victim.kill()
            await victim.start(session)
        await asyncio.sleep(0.5)
        load.stopping = True
        await calling
        ledger = await settled(session, proxies, load)
        async with session.get(f"http://127.0.0.1:{backend}/counts") as got:
            backend_counts = await got.json()
    return report(ledger, backend_counts, load)


def report(ledger: dict[str, dict[str, Any]], backend: dict[str, dict[str, int]], load: Load) -> dict[str, Any]:
    nothing = {"analysed": 0, "analysed_bytes": 0, "answered": 0, "answered_bytes": 0}
    whole = [job for job in load.answered if job not in load.broken]
    differ = [
        job
        for job in whole
        if not load.size_bytes[job]
        == ledger.get(job, nothing)["answered_bytes"]
        == ledger.get(job, nothing)["analysed_bytes"]
        == backend["bytes"].get(job, 0)
    ]
    total = {name: sum(row[name] for row in ledger.values()) for name in nothing}
    return {
        "groups": len(load.answered),
        "groups_without_a_break": len(whole),
        "groups_that_differ": len(differ),
        "requests_answered": sum(load.answered.values()),
        "bytes_answered": sum(load.size_bytes.values()),
        "requests_broken": sum(load.broken.values()),
        "ledger": total,
        "backend_analysed": sum(backend["done"].values()),
        "backend_bytes": sum(backend["bytes"].values()),
        "ledger_lacks": sum(backend["done"].values()) - total["analysed"],
        "ledger_lacks_of_answered": sum(
            max(0, load.size_bytes[job] - ledger.get(job, nothing)["answered_bytes"]) for job in load.answered
        ),
    }


def cost_us(directory: Path) -> float:
    """Return the median microseconds of counting a request that was analysed and answered, journal included."""
    arrival = Arrival("home", ENTRY[:12], "job", "batch", 65_536, 0)

    async def measure() -> float:
        ledger = Ledger(LedgerSettings(directory=str(directory), carry_period_s=60), None, lambda _: None)
        await ledger.start()
        times = []
        for _ in range(2000):
            started_s = time.perf_counter()
            for _ in range(10):
                ledger.analysed(arrival, 65_536, 100, answered=True)
            times.append((time.perf_counter() - started_s) / 10 * 1e6)
        await ledger.close()
        return statistics.median(times)

    return asyncio.run(measure())


@contextlib.contextmanager
def shared_by(work: Path, *, local: bool) -> Iterator[str]:
    """Run a store unless `local`; yield what the configuration says of it."""
    if local:
        yield ""
        return
    (work / "secret").write_text("a secret of the fleet")
    with running_store(work) as store:
        yield SHARED.format(url=store.url, secret=work / "secret")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--local", action="store_true", help="without a store")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    port = free_port()
    with tempfile.TemporaryDirectory() as directory, shared_by(Path(directory), local=arguments.local) as shared:
        backend = multiprocessing.get_context("spawn").Process(target=serve_backend, args=(port,))
        backend.start()
        try:
            found = asyncio.run(run(Path(directory), port, shared, arguments.kills))
        finally:
            backend.terminate()
            backend.join()
        found["cost_us"] = round(cost_us(Path(directory) / "cost"), 2)
    print(json.dumps(found, indent=2))
    assert found["groups_that_differ"] == 0, "the ledger differs where nothing was in flight"
    assert found["ledger_lacks_of_answered"] == 0, "the ledger lacks bytes of requests that were answered"
    assert 0 <= found["ledger_lacks"] <= found["requests_broken"], "the ledger lacks more than what was in flight"
    assert found["cost_us"] <= MOST_COST_US, "counting costs too much"


if __name__ == "__main__":
    main()

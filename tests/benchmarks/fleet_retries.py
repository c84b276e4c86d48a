"""Retries and speculative requests that meet another proxy, while proxies are killed: what is analysed twice?

    python -m tests.benchmarks.fleet_retries --input reviews.parquet [--seconds 60] [--proxies 2] [--apis 1]

Proxies, API replicas and a store run as processes of their own. Callers send a stream of different batch requests, each
to a proxy chosen at random. Some (`--again`) are sent to another proxy as well, at a random moment while they are
analysed or shortly after. Every few seconds a proxy chosen at random is killed with -9 and started again; its callers
go to another one. Analyses are counted at the API, by its log: each request that it began to analyse, also if the proxy
was killed meanwhile. Exits with 1 if more than 1 % were analysed twice, if a caller got no answer, or if two answers to
one request differ.
"""

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.dataset as ds

from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, JOB, PRIORITY
from proxy.keys import make_key
from tests.benchmarks.processes import free_port, wait_ready
from tests.fakes.running_store import running_store

KEY, ENTRY = make_key()
MOST_TWICE = 0.01
PATIENCE_S = 60.0


class Server:
    """A process of the product that can be killed and started again.

    Args:
        directory: For its log.
        name: Tells processes apart.
        arguments: Of `nlpbatch`, with the port.
        port: Where it listens.

    """

    def __init__(self, directory: Path, name: str, arguments: list[str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = directory / f"{name}.log"
        self._arguments = [*arguments, "--port", str(port)]
        self.start()

    def start(self) -> None:
        """Start it; `ready` waits for it."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "nlpbatch", *self._arguments]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ready(self) -> None:
        """Wait until it is ready."""
        wait_ready(self.url, self.process)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


@dataclass
class Outcome:
    """What callers saw."""

    distinct: int = 0
    sent: int = 0
    again: int = 0
    replayed: int = 0
    kills: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Requests that got no answer in time."""
    different: int = 0
    """Requests with two answers that are not equal."""
    bumps: Counter[str] = field(default_factory=Counter)
    """What attempts ended with that were made again."""


class Load:
    """Callers, and a hand that kills proxies.

    Args:
        proxies: The proxies.
        bodies: Of requests.
        arguments: Of the command.

    """

    def __init__(self, proxies: list[Server], bodies: list[bytes], arguments: argparse.Namespace) -> None:
        self.outcome = Outcome()
        self._proxies = proxies
        self._bodies = bodies
        self._arguments = arguments
        self._chance = random.Random(arguments.seed)

    async def run(self) -> None:
        """Send until the time is over, and wait for the last answers."""
        until_s = time.monotonic() + self._arguments.seconds
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            killing = asyncio.create_task(self._kill())
            await asyncio.gather(*(self._caller(until_s) for _ in range(self._arguments.callers)))
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)

    async def _kill(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*self._arguments.kill_s))
            proxy = self._chance.choice(self._proxies)
            await asyncio.to_thread(proxy.kill)
            self.outcome.kills += 1
            proxy.start()

    async def _caller(self, until_s: float) -> None:
        while time.monotonic() < until_s:
            number = self.outcome.distinct
            self.outcome.distinct += 1
            first = self._chance.randrange(len(self._proxies))
            tasks = [asyncio.create_task(self._ask(number, first))]
            if self._chance.random() < self._arguments.again:
                self.outcome.again += 1
                await asyncio.sleep(self._chance.uniform(0, 2))
                tasks.append(asyncio.create_task(self._ask(number, first + 1)))
            answers = await asyncio.gather(*tasks)
            self.outcome.different += len({answer for answer in answers if answer is not None}) > 1

    async def _ask(self, number: int, proxy: int) -> bytes | None:
        """Return the answer to a request, after as many attempts as it takes; None if there is none in time."""
        headers = {
            "Authorization": f"Bearer {KEY}",
            "Content-Type": ARROW_STREAM,
            PRIORITY: "u=6",
            JOB: "bench",
            IDEMPOTENCY_KEY: f"request-{number}",
        }
        body, until_s, why = self._bodies[number % len(self._bodies)], time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < until_s:
            url = self._proxies[proxy % len(self._proxies)].url + ANALYZE_PATH
            self.outcome.sent += 1
            pause_s = 0.05
            try:
                async with self._session.post(url, data=body, headers=headers) as answer:
                    content = await answer.read()
                if answer.status == 200:
                    self.outcome.replayed += IDEMPOTENCY_REPLAYED in answer.headers
                    return content
                why = str(answer.status)
                pause_s = json.loads(content).get("retry_after_s") or pause_s
            except (aiohttp.ClientError, OSError) as error:
                why = type(error).__name__
                proxy += 1
            self.outcome.bumps[why] += 1
            await asyncio.sleep(pause_s)
        self.outcome.failed[why] += 1
        return None


def begun(apis: list[Server]) -> Counter[str]:
    """Return how many requests the APIs began to analyse, by what became of them: `answered` or `abandoned`."""
    found: Counter[str] = Counter()
    for api in apis:
        for line in api.log.read_text(encoding="utf-8").splitlines():
            members = json.loads(line) if line.startswith("{") else {}
            if members.get("path") != ANALYZE_PATH:
                continue
            if members.get("joined"):
                found["joined"] += 1
            elif members["status"] in (200, 499):
                found["answered" if members["status"] == 200 else "abandoned"] += 1
    return found


def _bodies(arguments: argparse.Namespace) -> list[bytes]:
    texts = ds.dataset(arguments.input).to_table(columns=[arguments.text]).column(0).combine_chunks()
    bodies, start, size = [], 0, 0
    for position, text in enumerate(texts):
        size += len((text.as_py() or "").encode())
        if size >= arguments.request_bytes:
            bodies.append(encode_request(texts.slice(start, position - start + 1).cast(pa.string())))
            start, size = position + 1, 0
        if len(bodies) >= 2000:
            break
    return bodies


@contextlib.contextmanager
def _servers(directory: Path, arguments: argparse.Namespace) -> Iterator[tuple[list[Server], list[Server]]]:
    """Run APIs, a store and proxies for the time of the context."""
    secret, api_config, config = directory / "secret", directory / "server.toml", directory / "proxy.toml"
    secret.write_text("the secret of a benchmark")
    api_config.write_text(f'log_level = "info"\n[pool]\nworkers = {arguments.workers}\n[cache]\nsize_bytes = 0\n')
    started: list[Server] = []
    with running_store(directory) as store:
        try:
            for number in range(arguments.apis):
                command = ["serve", "--config", str(api_config)]
                started.append(Server(directory, f"api-{number}", command, free_port()))
            apis = list(started)
            shared = f'[shared]\nurl = "{store.url}"\nsecret_file = "{secret}"\n' if arguments.shared else ""
            backends = "".join(f'[[backends]]\nurl = "{api.url}"\n' for api in apis)
            config.write_text(
                f'log_level = "warning"\n[admin]\nenabled = false\n{shared}{backends}'
                f"[tenants.a]\nkeys = [{json.dumps(ENTRY)}]\n"
            )
            for number in range(arguments.proxies):
                command = ["proxy", "serve", "--config", str(config)]
                started.append(Server(directory, f"proxy-{number}", command, free_port()))
            for server in started:
                server.ready()
            yield apis, started[arguments.apis :]
        finally:
            for server in reversed(started):
                server.kill()


def figures(outcome: Outcome, analyses: Counter[str]) -> dict[str, Any]:
    """Return what the run showed."""
    twice = analyses["answered"] + analyses["abandoned"] - outcome.distinct
    return {
        "distinct": outcome.distinct,
        "sent": outcome.sent,
        "sent_again": outcome.again,
        "kills": outcome.kills,
        "replayed": outcome.replayed,
        "analyses": dict(analyses),
        "analysed_twice": twice,
        "share_analysed_twice": round(twice / outcome.distinct, 4),
        "without_answer": dict(outcome.failed),
        "answers_that_differ": outcome.different,
        "attempts_repeated": dict(outcome.bumps),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--proxies", type=int, default=2)
    parser.add_argument("--apis", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="of each API")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--request-bytes", type=int, default=16 * 1024)
    parser.add_argument("--again", type=float, default=0.2, help="share of requests that another proxy gets as well")
    parser.add_argument("--kill-s", type=float, nargs=2, default=(2.0, 6.0), help="seconds between kills")
    parser.add_argument("--no-shared", dest="shared", action="store_false", help="without a store, to compare")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as name:
        directory = Path(name)
        bodies = _bodies(arguments)
        with _servers(directory, arguments) as (apis, proxies):
            load = Load(proxies, bodies, arguments)
            asyncio.run(load.run())
            time.sleep(2)  # what was abandoned is in the log then
            found = figures(load.outcome, begun(apis))
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    good = found["share_analysed_twice"] <= MOST_TWICE and not found["without_answer"]
    return 0 if good and not found["answers_that_differ"] else 1


if __name__ == "__main__":
    sys.exit(main())

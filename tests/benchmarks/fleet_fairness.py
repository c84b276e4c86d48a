"""Fairness over several proxies before real API replicas: a job of 2 tasks beside one of 200, spread over all proxies.

    python -m tests.benchmarks.fleet_fairness --input reviews.parquet [--proxies 4] [--replicas 2] [--seconds 40]

Each task keeps to one proxy and has one request at a time. Printed: the bytes answered of each job after the first
quarter, Jain's index of them, the bytes per second of both, and the workers' CPU in cores. As a check, the same load
goes through one proxy in the same run. The replicas must have analysed what was answered.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import aiohttp

from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM, IDEMPOTENCY_KEY, JOB, PRIORITY
from tests.benchmarks.fleet import KEY, running_fleet
from tests.benchmarks.proxy_load import make_bodies
from tests.benchmarks.replicas import Replica, running_all, work_of

JOBS = {"two": 2, "many": 200}
Figures = dict[str, float]


class Load:
    """Both jobs at once.

    Args:
        session: Sends.
        urls: The proxies.
        bodies: What is sent, over and over.

    """

    def __init__(self, session: aiohttp.ClientSession, urls: list[str], bodies: list[bytes]) -> None:
        self._session = session
        self._urls = urls
        self._bodies = bodies
        self._number = 0
        self.done: dict[str, list[tuple[float, int]]] = {job: [] for job in JOBS}

    async def task(self, job: str, at: int, until_s: float) -> None:
        """Send one request after the other to one proxy, coming back when told."""
        while time.monotonic() < until_s:
            self._number += 1
            body = self._bodies[self._number % len(self._bodies)]
            headers = {
                "Authorization": f"Bearer {KEY}",
                "Content-Type": ARROW_STREAM,
                PRIORITY: "u=6",
                JOB: job,
                IDEMPOTENCY_KEY: f"fair-{id(self)}-{self._number}",
            }
            while True:
                async with self._session.post(self._urls[at] + ANALYZE_PATH, data=body, headers=headers) as answer:
                    content = await answer.read()
                if answer.status == 200:
                    break
                await asyncio.sleep(float(json.loads(content).get("retry_after_s", 1.0)))
            self.done[job].append((time.monotonic(), len(body)))


async def measure(urls: list[str], replicas: list[Replica], bodies: list[bytes], seconds: float) -> Figures:
    before, started_s = work_of(replicas), time.monotonic()
    until_s = started_s + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        load = Load(session, urls, bodies)
        tasks = [
            asyncio.create_task(load.task(job, number % len(urls), until_s))
            for job, count in JOBS.items()
            for number in range(count)
        ]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    work = work_of(replicas).since(before)
    answers = sum(len(done) for done in load.done.values())
    assert work.requests >= answers, f"{answers} requests were answered, {work.requests:g} were analysed"
    from_s = started_s + seconds / 4
    two, many = (sum(size for at_s, size in load.done[job] if at_s >= from_s) for job in JOBS)
    assert two > 0
    assert many > 0
    return {
        "two_bytes": two,
        "many_bytes": many,
        "jain": round((two + many) ** 2 / (2 * (two**2 + many**2)), 4),
        "bytes_per_s": round((two + many) / (seconds * 0.75)),
        "workers_cores": round(work.cpu_s / seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--proxies", type=int, default=4)
    parser.add_argument("--replicas", type=int, default=2, help="API processes with one worker each")
    parser.add_argument("--request-bytes", type=int, default=16 * 1024)
    parser.add_argument("--seconds", type=float, default=40.0)
    arguments = parser.parse_args()
    bodies, _ = make_bodies(arguments, arguments.request_bytes)
    with tempfile.TemporaryDirectory() as name:
        server = Path(name) / "server.toml"
        server.write_text('log_level = "warning"\n[pool]\nworkers = 1\n[cache]\nsize_bytes = 0\n', encoding="utf-8")
        with running_all(server, arguments.replicas) as replicas:
            apis = [replica.url for replica in replicas]
            results = {}
            for count in (1, arguments.proxies):
                config = "".join(f'[[backends]]\nurl = "{url}"\n' for url in apis[1:])
                with running_fleet(apis[0], count, config) as (_, proxies):
                    for proxy in proxies:
                        proxy.wait_ready()
                    results[f"{count} proxies"] = asyncio.run(
                        measure([proxy.url for proxy in proxies], replicas, bodies, arguments.seconds)
                    )
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

"""A quota held by several proxies together, with a skewed load, while a proxy or the store is killed and restarted.

    python -m tests.benchmarks.fleet_quota [--seconds 60] [--proxies 4] [--kill proxy|store|nothing]

Callers send without a pause and come back when told; nine of ten prefer the first proxy. What passes is what arrives at
the backend, which counts it. Printed: bytes over the quota (beyond one burst) and the part of the quota that was used.
"""

import argparse
import asyncio
import json
import time

import aiohttp

from tests.benchmarks.fleet import KEY, CountingBackend, ProxyProcess, running_backend, running_fleet
from tests.fakes.running_store import RunningStore

BODY_BYTES = 32 * 1024
BURST_BYTES = 4 * 2**20
CALLERS = 40
AWAY_S = 5.0
Figures = dict[str, float]


async def call(session: aiohttp.ClientSession, proxies: list[ProxyProcess], home: int, until_s: float) -> None:
    """Send one request after the other to the proxy at home, and to the next one while that can't be reached."""
    at = home
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Priority": "u=6"}
    while time.monotonic() < until_s:
        try:
            async with session.post(f"{proxies[at].url}/v1/analyze", data=b"x" * BODY_BYTES, headers=headers) as answer:
                content = await answer.read()
        except aiohttp.ClientError:
            at = (at + 1) % len(proxies)
            await asyncio.sleep(0.05)
            continue
        if answer.status != 200:
            assert answer.status in {429, 503}, content
            again_s = float(json.loads(content).get("retry_after_s", 1.0))
            await asyncio.sleep(min(again_s, max(0.0, until_s - time.monotonic())))
        elif at != home:
            at = home


async def disturb(kill: str, store: RunningStore, proxies: list[ProxyProcess], seconds: float) -> None:
    """Kill and restart in the middle."""
    await asyncio.sleep(seconds / 2)
    if kill == "proxy":
        proxies[0].kill()
        await asyncio.sleep(1.0)
        proxies[0].start()
    elif kill == "store":
        store.kill()
        await asyncio.sleep(AWAY_S)
        store.start()


async def measure(arguments: argparse.Namespace, backend: CountingBackend) -> Figures:
    quota = f"[tenants.home.quota]\nbytes_per_s = {arguments.rate}\nburst_bytes = {BURST_BYTES}\n"
    with running_fleet(backend.url, arguments.proxies, quota) as (store, proxies):
        for proxy in proxies:
            await asyncio.to_thread(proxy.wait_ready)
        await asyncio.sleep(1.0)
        started_s = time.monotonic()
        until_s = started_s + arguments.seconds
        homes = [0 if number % 10 else number // 10 % (len(proxies) - 1) + 1 for number in range(CALLERS)]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            callers = [call(session, proxies, home, until_s) for home in homes]
            await asyncio.gather(*callers, disturb(arguments.kill, store, proxies, arguments.seconds))
    allowed = arguments.rate * arguments.seconds
    passed = backend.bytes_between(started_s, until_s)
    windows = [backend.bytes_between(started_s + at, started_s + at + 1) for at in range(int(arguments.seconds))]
    return {
        "passed_bytes": passed,
        "quota_bytes": allowed,
        "over": round(max(0, passed - allowed - BURST_BYTES) / allowed, 4),
        "used": round(passed / allowed, 4),
        "used_without_burst": round((passed - BURST_BYTES) / allowed, 4),
        "least_second": round(min(windows) / arguments.rate, 3),
        "most_second_after_the_first": round(max(windows[2:]) / arguments.rate, 3),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--proxies", type=int, default=4)
    parser.add_argument("--rate", type=int, default=3_000_000, help="the quota, bytes a second")
    parser.add_argument("--kill", choices=("proxy", "store", "nothing"), default="proxy")
    arguments = parser.parse_args()
    async with running_backend(CountingBackend()) as backend:
        figures = await measure(arguments, backend)
    print(json.dumps(figures, indent=2))
    bursts = arguments.proxies if arguments.kill == "store" else 1
    assert figures["passed_bytes"] <= figures["quota_bytes"] * 1.01 + bursts * BURST_BYTES
    assert len(backend.seen) * BODY_BYTES >= figures["passed_bytes"] > 0


if __name__ == "__main__":
    asyncio.run(main())

"""Measures how fast keys are in force at other proxies, by how much bursts go over budgets, and what a look costs.

    python -m tests.benchmarks.keys_and_budgets

Four proxies and their callers run in one event loop, with a real store. A burst uses up its budget within a second or
two, which is the worst case: what the others admit between two looks is a matter of milliseconds, not of the budget.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from proxy.keys import make_key
from tests.fakes.backend import FakeBackend
from tests.fakes.operated_fleet import running_fleet, until
from tests.fakes.running_proxy import ENTRY, GUEST_ENTRY
from tests.fakes.running_store import running_store

PROXIES = 4
COST_BYTES = 65_536
WIDE = {"policy": "fixed", "per_worker": 50.0}


async def measure_keys(url: str, directory: Path, rounds: int = 30) -> None:
    """Print how long it takes until a key is valid, and then refused, at all proxies."""
    took_s: dict[str, list[float]] = {"issued": [], "revoked": []}
    async with FakeBackend() as backend, running_fleet(backend, url, directory, PROXIES) as fleet:

        async def until_all(key: str, status: int) -> None:
            async def agreed() -> bool:
                return {(await member.ask(key))[0] for member in fleet} == {status}

            await until(agreed)

        for _ in range(rounds):
            started_s = time.monotonic()
            _, issued = await fleet[0].operate("POST", "/keys", json={"tenant": "home"})
            await until_all(issued["key"], 200)
            took_s["issued"].append(time.monotonic() - started_s)
            started_s = time.monotonic()
            await fleet[0].operate("POST", f"/keys/{issued['id']}/revoke")
            await until_all(issued["key"], 401)
            took_s["revoked"].append(time.monotonic() - started_s)
    for what, times in took_s.items():
        print(f"{what} at {PROXIES} proxies: median {statistics.median(times):.2f} s, longest {max(times):.2f} s")


async def measure_burst(url: str, directory: Path, callers: tuple[int, ...], requests: int) -> None:
    """Print how many requests pass a budget for so many, from callers that send without a pause."""
    budget = {"bytes_per_day": requests * COST_BYTES}
    tenants = {"home": {"keys": [ENTRY], "budget": budget}, "guests": {"keys": [GUEST_ENTRY]}}
    sent = 0

    async def call(member) -> None:
        nonlocal sent
        while (await member.ask(data=b"x" * COST_BYTES))[0] == 200:
            sent += 1

    groups = {"tenants": tenants, "concurrency": WIDE}
    async with FakeBackend() as backend, running_fleet(backend, url, directory, len(callers), **groups) as fleet:
        await until(lambda: all(len(member.proxy.fleet.members.alive) == len(fleet) for member in fleet))
        await asyncio.sleep(1)
        started_s = time.monotonic()
        await asyncio.gather(*(call(member) for member, n in zip(fleet, callers, strict=True) for _ in range(n)))
        took_s = time.monotonic() - started_s
    over = sent - requests
    print(
        f"budget of {requests:,} requests, callers {callers}: {sent:,} passed in {took_s:.2f} s, {over} too many, "
        f"as many as pass in {1000 * over * took_s / sent:.0f} ms"
    )


async def measure_look(url: str, directory: Path, budgets: int = 100, rounds: int = 200) -> None:
    """Print what a round of looks takes with so many tenants that have budgets for days and months."""
    budget = {"bytes_per_day": 10**9, "bytes_per_month": 10**10}
    tenants = {f"t{number}": {"keys": [make_key()[1]], "budget": budget} for number in range(budgets)}
    async with FakeBackend() as backend, running_fleet(backend, url, directory, PROXIES, tenants=tenants) as fleet:
        for member in fleet:
            for name in tenants:
                member.proxy.traffic.budgets.charge(name, 1000, time.monotonic())
        await asyncio.sleep(1.5)
        started_s, cpu_s = time.monotonic(), time.process_time()
        for _ in range(rounds):
            await fleet[0].proxy.fleet.upkeep.round()
        took_s, cpu_s = time.monotonic() - started_s, time.process_time() - cpu_s
    print(f"a look with {budgets} budgets: {1000 * took_s / rounds:.2f} ms, {1000 * cpu_s / rounds:.2f} ms of CPU")


async def main() -> None:
    """Measure all of them, each with an empty store."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with running_store(directory) as store:
            await measure_keys(store.url, directory)
        with running_store(directory) as store:
            await measure_look(store.url, directory)
        for requests in (400, 2000):
            for callers in ((8, 8, 8, 8), (29, 1, 1, 1), (1, 1, 1, 1)):
                with running_store(directory) as store:
                    await measure_burst(store.url, directory, callers, requests)


if __name__ == "__main__":
    asyncio.run(main())

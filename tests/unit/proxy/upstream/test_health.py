import asyncio
from types import SimpleNamespace

from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.slots import Backend
from proxy.upstream.health import Health
from tests.fakes.virtual_time import settle, virtual_time


class Probes:
    """Stands where the upstream does, and remembers when which backend was asked."""

    def __init__(self, takes_s=0.0):
        self.settings = SimpleNamespace(health_period_s=2.0)
        self.asked = []
        self._takes_s = takes_s

    async def ask_ready(self, backend, timeout_s):
        self.asked.append((backend.url, asyncio.get_running_loop().time(), timeout_s))
        await asyncio.sleep(self._takes_s)


def backend(name):
    return Backend(f"http://{name}", FixedLimit(1))


@virtual_time
async def test_a_backend_is_asked_at_once_and_every_period_until_it_is_forgotten():
    probes, checked = Probes(), []
    health, one = Health(probes, lambda: checked.append(1)), backend("a")
    started_s = asyncio.get_running_loop().time()
    health.watch(one)
    await asyncio.sleep(5)
    health.forget(one)
    await asyncio.sleep(5)
    assert [at_s - started_s for _, at_s, _ in probes.asked] == [0.0, 2.0, 4.0]
    assert {timeout_s for *_, timeout_s in probes.asked} == {4.0}
    assert len(checked) == 3


@virtual_time
async def test_a_slow_backend_delays_no_other_and_another_period_holds_from_the_next_check():
    slow, quick = Probes(takes_s=60.0), Probes()
    waiting, health = Health(slow, lambda: None), Health(quick, lambda: None)
    waiting.watch(backend("slow"))
    health.watch(backend("quick"))
    await asyncio.sleep(3)
    quick.settings.health_period_s = 1.0
    await asyncio.sleep(2.5)
    assert (len(slow.asked), len(quick.asked)) == (1, 4)
    await asyncio.gather(waiting.close(), health.close())


@virtual_time
async def test_after_closing_none_is_asked():
    probes = Probes()
    health = Health(probes, lambda: None)
    for name in "ab":
        health.watch(backend(name))
    await settle()
    await health.close()
    await asyncio.sleep(10)
    assert len(probes.asked) == 2


@virtual_time
async def test_to_forget_what_is_not_watched_is_nothing():
    Health(Probes(), lambda: None).forget(backend("a"))

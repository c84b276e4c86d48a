"""The decision in a loop with a service that does what it is told, some time later; in virtual time."""

import math
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config_service import ScalingSettings
from proxy.traffic.wanted_workers import Capacity, Load, WantedWorkers

SPEED = 200_000
PER_WORKER = 2


def play(
    decider: WantedWorkers, work: Callable[[int], float], *, workers: int, start_s: int, end_s: int
) -> list[tuple[int, int]]:
    """Return the workers that there are and those that are wanted, for each second.

    Args:
        decider: What decides.
        work: How many workers' work comes in at a second; what isn't done waits.
        workers: Those at the beginning.
        start_s: What a worker takes to start; it ends at once.
        end_s: When to end.

    """
    found, starting, done, waiting = [], deque[int](), 0, 0.0
    for now_s in range(end_s):
        while starting and starting[0] <= now_s:
            starting.popleft()
            workers += 1
        offered = waiting + work(now_s)
        did = min(offered, float(workers))
        waiting = offered - did
        done += round(did * SPEED)
        in_flight = round(min(offered, PER_WORKER * workers))
        queued = max(0.0, offered - PER_WORKER * workers)
        load = Load({"batch": round(queued * SPEED)}, in_flight, done)
        wanted = decider.look({"": load}, Capacity(workers, PER_WORKER * workers), float(now_s)).workers
        missing = wanted - workers - len(starting)
        starting.extend([now_s + start_s] * missing)
        if missing < 0:
            workers -= min(-missing, workers)
        found.append((workers, wanted))
    return found


@settings(deadline=None, max_examples=40)
@given(work=st.floats(0.5, 30), workers=st.integers(1, 60), start_s=st.integers(0, 60))
def test_constant_work_gets_the_workers_that_it_takes_and_keeps_them(work, workers, start_s):
    found = play(WantedWorkers(ScalingSettings()), lambda _: work, workers=workers, start_s=start_s, end_s=2500)
    last = {there for there, _ in found[-600:]}
    assert len(last) == 1  # it does not swing
    (there,) = last
    assert there >= work
    assert there <= math.ceil(work / (0.8 * 0.9)) + 1  # within the tolerance, and a whole number


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), work=st.floats(2, 30))
def test_work_that_comes_by_chance_does_not_make_it_swing(seed, work):
    chance = Random(seed)
    found = play(
        WantedWorkers(ScalingSettings()),
        lambda _: max(0.0, chance.gauss(work, math.sqrt(work) / 2)),
        workers=5,
        start_s=20,
        end_s=3600,
    )
    wanted = [number for _, number in found[1200:]]
    turns = [b - a for a, b in pairwise(wanted) if a != b]
    swings = sum((a > 0) != (b > 0) for a, b in pairwise(turns))
    assert swings <= 2400 / 180
    assert max(wanted) <= 2 * work + 3


def test_a_rush_is_followed_within_a_minute_and_left_within_five():
    decider = WantedWorkers(ScalingSettings(min_workers=2, max_workers=16))

    def rush(now_s: int) -> float:
        return 12.0 if 600 <= now_s < 1200 else 0.5

    found = play(decider, rush, workers=2, start_s=20, end_s=2400)
    assert {there for there, _ in found[400:600]} == {2}
    assert found[660][0] > 2
    assert max(there for there, _ in found[:1200]) == 16
    done_s = max(now_s for now_s, (there, _) in enumerate(found) if there == 16)
    assert found[min(done_s + 300, 2399)][0] == 2
    assert all(2 <= wanted <= 16 for _, wanted in found)


@pytest.mark.parametrize("start_s", [0, 30, 300])
def test_workers_are_not_asked_for_again_while_they_start(start_s):
    found = play(WantedWorkers(ScalingSettings()), lambda _: 1000.0, workers=4, start_s=start_s, end_s=start_s + 17)
    assert max(wanted for _, wanted in found) <= 8

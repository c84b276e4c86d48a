import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config_service import ScalingSettings
from proxy.traffic.wanted_workers import Capacity, Load, WantedWorkers

PER_WORKER = 2
SPEED = 200_000


def load(*, busy: float, workers: int, at_s: float, batch_s: float = 0.0, interactive_s: float = 0.0) -> Load:
    """Return what makes `workers` so busy, with so much waiting, at a worker's speed since time 0.

    Workers that are busy all the time have a second request each.
    """
    whole = SPEED * workers
    return Load(
        {"batch": round(batch_s * whole), "interactive": round(interactive_s * whole)},
        round(busy * workers) if busy < 1 else PER_WORKER * workers,
        round(at_s * whole * min(1.0, busy)),
    )


def looks(decider: WantedWorkers, seconds: int, workers: int, start_s: int = 0, **of_load: float) -> list[int]:
    """Return what is wanted in each of so many seconds."""
    capacity = Capacity(workers, PER_WORKER * workers)
    return [
        decider.look({"": load(workers=workers, at_s=at_s, **of_load)}, capacity, float(at_s)).workers
        for at_s in range(start_s, start_s + seconds)
    ]


def test_as_busy_as_they_should_be_they_are_as_many_as_wanted():
    assert set(looks(WantedWorkers(ScalingSettings()), 600, 10, busy=0.8)) == {10}


def test_too_busy_for_the_whole_window_more_are_wanted_and_not_before():
    found = looks(WantedWorkers(ScalingSettings(up_window_s=15.0)), 60, 10, busy=1.0)
    assert set(found[:15]) == {10}
    assert found[-1] == 13  # 10 x 1 / 0.8


def test_a_peak_that_is_shorter_than_the_window_changes_nothing():
    decider = WantedWorkers(ScalingSettings(up_window_s=15.0))
    looks(decider, 100, 10, busy=0.8)
    assert set(looks(decider, 10, 10, start_s=100, busy=1.0, batch_s=60.0)) == {10}
    assert set(looks(decider, 100, 10, start_s=110, busy=0.8)) == {10}


def test_all_busy_and_something_waiting_twice_as_many_are_wanted_and_no_more():
    decider = WantedWorkers(ScalingSettings())
    assert looks(decider, 60, 10, busy=1.0, batch_s=0.2)[-1] == 20
    assert looks(decider, 60, 10, start_s=60, busy=1.0, batch_s=500.0)[-1] == 20
    assert decider.latest is not None
    assert "batch requests wait 500.0 s, 10 at most" in decider.latest.reason


def test_interactive_requests_that_wait_longer_than_promised_want_more_though_the_workers_are_not_busy():
    found = looks(WantedWorkers(ScalingSettings(interactive_wait_s=0.5)), 60, 10, busy=0.6, interactive_s=0.75)
    assert found[-1] == 15


def test_workers_that_are_starting_are_not_asked_for_again():
    decider = WantedWorkers(ScalingSettings())
    assert set(looks(decider, 300, 10, busy=1.0, batch_s=1.0)[16:]) == {20}


def test_a_pause_that_is_shorter_than_the_window_keeps_them():
    decider = WantedWorkers(ScalingSettings(down_window_s=180.0))
    looks(decider, 300, 10, busy=0.8)
    found = looks(decider, 300, 10, start_s=300, busy=0.0)
    assert set(found[:180]) == {10}
    assert found[-1] == 1


def test_bounds_hold():
    decider = WantedWorkers(ScalingSettings(min_workers=4, max_workers=12))
    assert looks(decider, 60, 10, busy=1.0, batch_s=100.0)[-1] == 12
    assert looks(decider, 400, 10, start_s=60, busy=0.0)[-1] == 4


def test_without_workers_one_is_wanted_for_what_waits():
    decider = WantedWorkers(ScalingSettings(min_workers=0))
    assert decider.look({"": Load()}, Capacity(0, 0), 0.0).workers == 0
    waiting = {"": Load({"batch": 1000})}
    assert [decider.look(waiting, Capacity(0, 0), float(at_s)).workers for at_s in range(1, 40)][-1] == 1


def test_a_proxy_that_leaves_takes_its_counts_with_it_and_nobody_is_frightened():
    decider = WantedWorkers(ScalingSettings())
    looks(decider, 100, 10, busy=0.8)
    capacity = Capacity(10, 20)
    found = [
        decider.look({"": load(busy=0.8, workers=10, at_s=at_s - 90)}, capacity, float(at_s)).workers
        for at_s in range(100, 200)
    ]
    assert set(found) == {10}


def test_a_proxy_that_comes_with_its_counts_makes_no_worker_seem_fast():
    decider, capacity = WantedWorkers(ScalingSettings()), Capacity(10, 20)
    looks(decider, 100, 10, busy=0.8)
    other = Load({"interactive": 0}, 0, 10**12)
    for at_s in range(100, 130):
        loads = {"": load(busy=0.8, workers=10, at_s=at_s, interactive_s=1.0), "other": other}
        decider.look(loads, capacity, float(at_s))
    assert decider.latest is not None
    assert decider.latest.waits_s["interactive"] == pytest.approx(1.0, rel=0.01)
    assert decider.latest.workers == 20


def test_requests_that_end_in_few_looks_make_no_worker_seem_fast():
    decider, whole = WantedWorkers(ScalingSettings()), 10 * SPEED
    for at_s in range(600):
        done_in_tens = Load({"batch": 5 * whole}, 20, at_s // 10 * 10 * whole)
        decider.look({"": done_in_tens}, Capacity(10, 20), float(at_s))
    assert decider.latest is not None
    assert decider.latest.waits_s["batch"] == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize("waiting", [0, 10_000_000])
def test_an_outage_of_all_workers_takes_none_away(waiting):
    decider = WantedWorkers(ScalingSettings())
    looks(decider, 300, 10, busy=0.8)
    outage = {"": Load({"batch": waiting}, 0, 300 * 8 * SPEED)}
    found = [decider.look(outage, Capacity(0, 0), float(at_s)) for at_s in range(300, 1300)]
    assert {one.workers for one in found} == {10}
    assert {one.cause for one in found} == {"no_worker"}


def test_a_proxy_that_starts_wants_none_fewer_of_the_workers_that_it_finds_one_after_another():
    decider, found = WantedWorkers(ScalingSettings(up_window_s=15.0, down_window_s=180.0)), []
    for at_s in range(400):
        there = min(10, at_s // 3)
        found.append(decider.look({"": Load()}, Capacity(there, 2 * there), float(at_s)))
    assert not any(one.settled for one in found[:15])
    assert all(one.settled for one in found[15:])
    assert [one.workers >= one.there for one in found[:180]] == [True] * 180
    assert found[-1].workers == 1


@pytest.mark.parametrize("waiting", [0, 1000])
def test_a_proxy_that_sees_no_worker_at_its_start_is_not_settled_for_the_longer_window(waiting):
    decider = WantedWorkers(ScalingSettings(up_window_s=15.0, down_window_s=180.0))
    found = [decider.look({"": Load({"batch": waiting})}, Capacity(0, 0), float(at_s)) for at_s in range(200)]
    assert [one.settled for one in found] == [False] * 180 + [True] * 20
    seen = decider.look({"": Load()}, Capacity(2, 4), 200.0)
    assert seen.settled


def test_it_is_not_settled_before_each_backend_was_asked():
    decider = WantedWorkers(ScalingSettings(up_window_s=0.0))
    assert not decider.look({"": Load()}, Capacity(2, 4, known=False), 0.0).settled
    assert decider.look({"": Load()}, Capacity(2, 4), 1.0).settled


def test_a_decision_says_what_it_follows_from():
    decider = WantedWorkers(ScalingSettings())
    looks(decider, 60, 10, busy=0.6, interactive_s=0.76)
    assert decider.latest is not None
    said = decider.latest.to_json()
    assert said == {
        "wanted_workers": 16,
        "workers": 10,
        "reason": "interactive requests wait 0.8 s, 0.5 at most are wanted",
        "cause": "interactive_wait",
        "proposal": 16,
        "busy": 0.6,
        "waits_s": {"interactive": pytest.approx(0.76, rel=0.02), "batch": 0.0},
    }


def test_loads_add_up_and_travel():
    one, other = Load({"batch": 5}, 1, 100), Load({"batch": 2, "interactive": 3}, 2, 50)
    assert one + other == Load({"interactive": 3, "batch": 7}, 3, 150)
    assert Load.from_json(other.to_json()) == other
    assert Load.from_json({}) == Load({"interactive": 0, "batch": 0})


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100), st.integers(0, 50)), min_size=1, max_size=60),
    st.integers(0, 10),
    st.integers(1, 60),
)
def test_whatever_happens_it_stays_within_its_bounds_and_twice_what_there_was(seconds, least, room):
    settings = ScalingSettings(min_workers=least, max_workers=least + room)
    decider = WantedWorkers(settings)
    done = 0
    for at_s, (busy, wait_s, workers) in enumerate(seconds):
        now = load(busy=busy, workers=workers, at_s=0, batch_s=wait_s)
        done += round(busy * workers * SPEED)
        loads = {"": Load(now.waiting_bytes, now.in_flight, done)}
        wanted = decider.look(loads, Capacity(workers, 2 * workers), float(at_s))
        assert least <= wanted.workers <= least + room
        assert wanted.workers <= max(least, 1, 2 * max(one for _, _, one in seconds))
        assert wanted.reason


@pytest.mark.parametrize("given_", [{"min_workers": 5, "max_workers": 4}, {"busy_part": 0.0}, {"min_workers": -1}])
def test_settings_that_mean_nothing_are_refused(given_):
    with pytest.raises(ValueError, match=r"max_workers 4 is under|greater than"):
        ScalingSettings(**given_)

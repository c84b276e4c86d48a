import asyncio
import logging

import pytest

from nlpbatch.errors import ServiceUnreachable
from proxy.scaler.scaler import ScaleOptions, Scaler
from proxy.scaler.targets import NotApplied, Units


class FakeTarget:
    """Has what it was asked for, as far as the test lets it."""

    def __init__(self, asked=None, pending=0):
        self.units = Units(asked, pending)
        self.calls = []
        self.fault = None

    async def now(self):
        if self.fault == "now":
            raise NotApplied("nobody answers")
        return self.units

    async def apply(self, units):
        self.calls.append(units)
        if self.fault == "apply":
            raise NotApplied("there is no room")
        if self.units.asked is not None:
            self.units = Units(units)


class FakeLease:
    def __init__(self, *answers):
        self.answers = list(answers)

    async def hold(self):
        return self.answers.pop(0)


class Said:
    """What proxies say: a number at each look, or None where none answers."""

    def __init__(self, *numbers, most=100):
        self.numbers, self.most = list(numbers), most

    def __call__(self):
        number = self.numbers.pop(0)
        if number is None:
            raise ServiceUnreachable("no proxy answers")
        return {"wanted_workers": number, "reason": "all 4 workers are busy", "max_workers": self.most}


async def played(target, *numbers, lease=None, **options):
    scaler = Scaler(Said(*numbers), target, ScaleOptions(**options), lease)
    return [await scaler.look() for _ in numbers]


def warned(caplog):
    """Return the reasons of the warnings; what is logged below that depends on the tests before."""
    return [one.reason for one in caplog.records if one.levelno >= logging.WARNING]


@pytest.mark.parametrize("asked", [None, 2])
async def test_it_asks_for_what_is_wanted_once(asked):
    target = FakeTarget(asked)
    assert await played(target, 8, 8, 8, 4, workers_per_unit=2) == [4, None, None, 2]
    assert target.calls == [4, 2]


async def test_parts_of_a_unit_take_a_whole_one_within_the_bounds():
    target = FakeTarget(1)
    await played(target, 5, 1, 99, workers_per_unit=4, min_units=2, max_units=6)
    assert target.calls == [2, 6]


async def test_what_is_there_stays_while_no_proxy_answers(caplog):
    target = FakeTarget(3)
    with caplog.at_level(logging.INFO):
        assert await played(target, None, None, 3, 5) == [None, None, None, 5]
    events = [(one.message, getattr(one, "reason", "")) for one in caplog.records]
    assert events == [("kept as it is", "no proxy answers"), ("scaled", "all 4 workers are busy")]
    assert (caplog.records[1].units, caplog.records[1].before) == (5, 3)


@pytest.mark.parametrize("fault", ["now", "apply"])
async def test_a_target_that_fails_is_asked_again(fault):
    target = FakeTarget(3)
    target.fault = fault
    scaler = Scaler(Said(5, 5, 5), target, ScaleOptions(), None)
    assert [await scaler.look(), await scaler.look()] == [None, None]
    target.fault = None
    assert await scaler.look() == 5


async def test_containers_that_wait_for_room_are_not_asked_for_again_and_named_once(caplog):
    target = FakeTarget(5, pending=2)
    assert await played(target, 5, 5, 5) == [None, None, None]
    assert not target.calls
    assert warned(caplog) == ["2 of 5 have not started: the cluster has no room for them yet"]


async def test_more_is_not_asked_for_while_the_cluster_has_no_room_but_less_is(caplog):
    target = FakeTarget(5, pending=2)
    assert await played(target, 8, 9, 8, 4) == [None, None, None, 4]
    assert warned(caplog) == [
        "2 of 5 have not started: 8 are asked for when the cluster has room",
        "2 of 5 have not started: 9 are asked for when the cluster has room",
        "2 of 5 have not started: 8 are asked for when the cluster has room",
    ]


async def test_another_scaler_works_until_its_lease_is_over():
    target = FakeTarget()
    other = "scaler b has the lease"
    assert await played(target, 5, 5, 5, lease=FakeLease(None, None, other, None, None)) == [5, None, 5]


async def test_a_lease_that_was_lost_during_the_look_stops_the_change():
    target = FakeTarget()
    assert await played(target, 5, lease=FakeLease(None, "scaler b has the lease")) == [None]
    assert not target.calls


async def test_what_nothing_bounds_is_kept(caplog):
    target = FakeTarget(2)
    scaler = Scaler(Said(5, 5, most=None), target, ScaleOptions(), None)
    assert await scaler.look() is None
    assert scaler.held_up
    assert caplog.records[0].reason == (
        "nothing bounds the number, and a job takes what it gets: set max_workers in [scaling] of proxy.toml, "
        "or --max-units"
    )
    assert await Scaler(Said(5, most=None), target, ScaleOptions(max_units=4), None).look() == 4


async def test_it_stops_between_two_looks():
    target, stop = FakeTarget(), asyncio.Event()

    class Stopping(Said):
        def __call__(self):
            stop.set()
            return super().__call__()

    await Scaler(Stopping(5, 6), target, ScaleOptions(), None).run(1000.0, stop)
    assert target.calls == [5]


async def test_a_dry_run_changes_nothing_and_says_what_it_would_do(caplog):
    target = FakeTarget()
    with caplog.at_level(logging.INFO):
        assert await played(target, 5, 5, 6, dry_run=True) == [None, None, None]
    assert not target.calls
    assert [(one.message, one.units) for one in caplog.records] == [("would scale", 5), ("would scale", 6)]

import asyncio
import logging
from types import SimpleNamespace

import pytest

from proxy.shared.demands import Demands
from proxy.shared.leases import Leases
from proxy.shared.repeated_errors import RepeatedErrors
from proxy.shared.upkeep import Upkeep
from tests.fakes.virtual_time import virtual_time


class BrokenStore:
    """Has something in it that no version expects, which is noticed whenever it is looked at."""

    settings = SimpleNamespace(lease_period_s=0.02)

    def __init__(self):
        self.on_change = []

    @property
    def away(self):
        raise TypeError("a text that nobody may see")

    def key(self, *_):
        raise TypeError("a text that nobody may see")


async def fail():
    raise TypeError("a text that nobody may see")


async def run_leases(store):
    await Leases(store, SimpleNamespace()).exchange_forever()


async def run_demands(store):
    await Demands(store, SimpleNamespace()).exchange_forever(lambda: {("batch", "a", "j"): 1}, print)


async def run_upkeep(store):
    upkeep = Upkeep(store, min_gap_s=0.1)
    upkeep.parts.append(fail)
    await upkeep.start()
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("run", "event", "times_a_minute"),
    [
        (run_leases, "leases not exchanged", 3000),
        (run_demands, "demands not exchanged", 600),
        (run_upkeep, "store not looked at", 100),
    ],
)
@virtual_time
async def test_an_error_that_repeats_for_minutes_is_a_line_a_minute_with_their_count(
    caplog, run, event, times_a_minute
):
    caplog.set_level(logging.ERROR, "nlpbatch.proxy")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(150):
            await run(BrokenStore())
    assert [record.message for record in caplog.records] == [event] * 3
    assert {record.reason for record in caplog.records} == {"TypeError"}
    first, *later = [record.count for record in caplog.records]
    assert first == 1
    assert later == pytest.approx([times_a_minute] * 2, rel=0.01)


def test_each_kind_of_error_is_logged_at_once_and_one_that_comes_back_later_too(caplog):
    errors = RepeatedErrors("nothing works")
    for now_s, error in enumerate([KeyError(), KeyError(), ValueError(), KeyError()]):
        errors.log(error, float(now_s))
    errors.log(KeyError(), 60.0)
    errors.log(ValueError(), 1000.0)
    assert [(record.reason, record.count) for record in caplog.records] == [
        ("KeyError", 1),
        ("ValueError", 1),
        ("KeyError", 3),
        ("ValueError", 1),
    ]

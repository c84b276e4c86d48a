import pytest

from tests.fakes.clock import FakeClock


async def test_virtual_time_moves_by_what_was_slept_and_no_further():
    clock = FakeClock(10.0)
    clock.sleep(2.5)
    await clock.sleep_async(0.5)
    clock.advance(1.0)
    assert clock.monotonic_s() == 14.0
    assert clock.slept == [2.5, 0.5]


def test_virtual_time_does_not_go_back():
    with pytest.raises(ValueError, match="doesn't go back"):
        FakeClock().advance(-1)

import asyncio

import pytest

from nlpbatch.errors import Draining
from nlpbatch.serving.drain import Drain


async def test_it_is_idle_when_the_last_request_has_ended() -> None:
    drain = Drain(5)
    with drain.admit(), drain.admit():
        assert drain.in_progress == 2
        waiting = asyncio.create_task(drain.wait_idle(60))
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting


async def test_draining_refuses_what_is_new_and_says_when_to_come_back() -> None:
    drain = Drain(5)
    drain.start()
    with pytest.raises(Draining) as caught, drain.admit():
        pass
    assert caught.value.retry_after_s == 5
    assert drain.in_progress == 0


async def test_what_does_not_end_in_time_is_reported() -> None:
    drain = Drain(5)
    with drain.admit():
        assert not await drain.wait_idle(0)

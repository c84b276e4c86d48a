"""The pool when workers die, or don't start."""

import asyncio
import itertools

from nlpbatch.engine.scoreboard import NONE
from tests.fakes.virtual_time import settle, virtual_time
from tests.fakes.workers import (
    CountingObserver,
    ask,
    codes,
    running_pool,
)


@virtual_time
async def test_a_worker_that_dies_costs_the_document_it_was_on_and_its_successor_does_the_rest(forkserver):
    observer = CountingObserver()
    async with running_pool(forkserver, observer, chunk_documents=3) as pool:
        asked = ask(pool, "좋다", "치명적", "좋다")
        await settle()
        forkserver.newest.begin(1)
        await forkserver.newest.die()
        assert pool.workers == 0
        await forkserver.newest.answer()  # its sign of life
        assert forkserver.newest.texts() == ["좋다", "좋다"]
        await forkserver.newest.answer()
        answer = await asked
        assert codes(answer) == [None, "worker_died", None]
        assert answer.errors == {"worker_died": 1}
        assert observer.lost == 1


@virtual_time
async def test_each_document_that_kills_is_found_however_many_there_are(forkserver):
    async with running_pool(forkserver, chunk_documents=4) as pool:
        asked = ask(pool, "치명적", "좋다", "치명적", "치명적")
        await settle()
        for fatal in (0, 2, 3):
            forkserver.newest.begin(fatal)
            await forkserver.newest.die()
            await forkserver.newest.answer()
        await forkserver.newest.answer()
        assert codes(await asked) == ["worker_died", None, "worker_died", "worker_died"]


@virtual_time
async def test_the_rest_of_a_dead_workers_chunk_goes_before_what_waits(forkserver):
    async with running_pool(forkserver, workers=2) as pool:
        asked = [ask(pool, text) for text in ("첫째", "둘째", "셋째")]
        await settle()
        first, second = forkserver.workers
        await first.die()
        await second.answer()
        assert second.texts() == ["첫째"]
        await second.answer()
        await second.answer()
        await asyncio.gather(*asked)


@virtual_time
async def test_a_chunk_that_nobody_survives_to_say_why_is_given_up_after_three_deaths(forkserver):
    async with running_pool(forkserver, chunk_documents=2) as pool:
        asked = ask(pool, "좋다", "치명적")
        await settle()
        for _ in range(3):
            assert forkserver.newest.texts() == ["좋다", "치명적"]
            forkserver.newest.begin(NONE)
            await forkserver.newest.die()
            await forkserver.newest.answer()
        assert codes(await asked) == ["worker_died", "worker_died"]
        assert forkserver.newest.look() is None  # no fourth worker is asked


@virtual_time
async def test_a_status_of_an_earlier_job_blames_nobody(forkserver):
    async with running_pool(forkserver) as pool:
        earlier = ask(pool, "앞")
        await settle()
        worker = forkserver.newest
        worker.begin(0)
        job = worker.job
        await worker.answer()
        await earlier
        asked = ask(pool, "뒤")
        await settle()
        forkserver.scoreboard.write(worker.slot, job.job_id, 0, 1)
        await worker.die()
        await forkserver.newest.answer()
        await forkserver.newest.answer()
        assert codes(await asked) == [None]


@virtual_time
async def test_half_an_answer_is_no_answer(forkserver):
    async with running_pool(forkserver) as pool:
        asked = ask(pool, "좋다")
        await settle()
        worker = forkserver.newest
        worker.look()
        worker._channel.send(b"\0\0\0\x50\0\0\0\x10{")
        await worker.die()
        await forkserver.newest.answer()
        await forkserver.newest.answer()
        assert codes(await asked) == [None]


@virtual_time
async def test_an_idle_worker_that_dies_is_replaced_at_once(forkserver):
    async with running_pool(forkserver) as pool:
        started_s = asyncio.get_running_loop().time()
        await forkserver.newest.die()
        await forkserver.newest.answer()
        assert pool.workers == 1
        assert forkserver.forks[-1] == (0, started_s)


@virtual_time
async def test_a_slot_may_lose_its_worker_again_and_again(forkserver):
    async with running_pool(forkserver) as pool:
        for _ in range(5):
            await forkserver.newest.die()
            await forkserver.newest.answer()
        assert (pool.workers, len(forkserver.workers)) == (1, 6)
        asked = ask(pool, "좋다")
        await settle()
        await forkserver.newest.answer()
        assert codes(await asked) == [None]


def pauses(forkserver, since: int) -> list[float]:
    times = [time_s for _, time_s in forkserver.forks[since:]]
    return [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]


@virtual_time
async def test_pauses_grow_while_starts_of_a_worker_fail(forkserver):
    async with running_pool(forkserver) as pool:
        forkserver.fails_starts = True
        await forkserver.newest.die()
        await asyncio.sleep(20)
        assert pauses(forkserver, since=1) == [0.05, 0.2, 1.0, 5.0, 5.0, 5.0]
        forkserver.fails_starts = False
        await asyncio.sleep(5)
        await forkserver.newest.answer()
        assert pool.workers == 1
        started = len(forkserver.forks)
        await forkserver.newest.die()
        assert len(forkserver.forks) == started + 1  # the next one is not held responsible
        await forkserver.newest.answer()


@virtual_time
async def test_a_worker_that_dies_of_its_first_job_counts_as_a_failed_start(forkserver):
    async with running_pool(forkserver):
        await forkserver.newest.die()
        for pause_s in (0.05, 0.2, 1.0):
            assert forkserver.newest.look() is not None
            await forkserver.newest.die()
            await asyncio.sleep(pause_s)
            await settle()
        assert pauses(forkserver, since=1) == [0.05, 0.2, 1.0]
        await forkserver.newest.answer()


@virtual_time
async def test_a_refused_fork_is_tried_again_ever_more_slowly(forkserver):
    async with running_pool(forkserver) as pool:
        forkserver.refusals = [ConnectionError(), OSError("no descriptors"), BrokenPipeError()]
        await forkserver.newest.die()
        await asyncio.sleep(2)
        assert pauses(forkserver, since=1) == [0.05, 0.2, 1.0]
        await forkserver.newest.answer()
        assert pool.workers == 1


@virtual_time
async def test_a_chunk_whose_caller_has_hung_up_dies_with_its_worker(forkserver):
    async with running_pool(forkserver) as pool:
        gone = ask(pool, "하나")
        await settle()
        gone.cancel()
        await settle()
        forkserver.newest.look()
        await forkserver.newest.die()
        await forkserver.newest.answer()
        assert forkserver.newest.look() is None
        assert (pool.busy, pool.queued_bytes) == (0, 0)


@virtual_time
async def test_a_worker_that_dies_interrupted_costs_the_document_it_was_on_and_no_other(forkserver):
    async with running_pool(forkserver, chunk_documents=10) as pool:
        batch = ask(pool, "일괄 하나", "일괄 둘", urgent=False)
        await settle()
        forkserver.newest.begin(0)
        interactive = ask(pool, "사람")
        await settle()
        forkserver.newest.look()
        forkserver.newest.begin(0)
        await forkserver.newest.die()
        await forkserver.newest.answer()  # the new worker's sign of life
        await forkserver.newest.answer()
        assert codes(await interactive) == ["worker_died"]
        assert codes(await batch) == [None, None]


@virtual_time
async def test_null_stays_null_in_a_chunk_that_is_given_up(forkserver):
    async with running_pool(forkserver, chunk_documents=2) as pool:
        asked = ask(pool, None, "치명적")
        await settle()
        for _ in range(3):
            forkserver.newest.begin(NONE)
            await forkserver.newest.die()
            await forkserver.newest.answer()
        assert codes(await asked) == [None, "worker_died"]

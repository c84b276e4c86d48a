import asyncio
import gc

import pytest

from nlpbatch.engine.job import JobFailure
from nlpbatch.errors import ConfigError, Draining, InternalError, InvalidOption, NoCapacity
from tests.fakes.virtual_time import settle, virtual_time
from tests.fakes.workers import (
    CountingObserver,
    ask,
    forms,
    new_pool,
    running_pool,
    start_pool,
)


@virtual_time
async def test_it_has_started_when_every_worker_has_answered(forkserver):
    pool = new_pool(forkserver, workers=2)
    starting = asyncio.create_task(pool.start())
    await settle()
    await forkserver.workers[0].answer()
    assert (pool.workers, starting.done()) == (1, False)
    await forkserver.workers[1].answer()
    assert (pool.workers, await starting) == (2, forkserver.info)
    await pool.stop()


@virtual_time
async def test_workers_that_give_no_sign_of_life_fail_the_start_after_a_minute(forkserver):
    pool = new_pool(forkserver, workers=2)
    starting = asyncio.create_task(pool.start())
    await settle()
    await forkserver.workers[0].answer()
    with pytest.raises(ConfigError, match="1 of 2 workers answered within 60 s"):
        await starting
    await pool.stop()


@virtual_time
async def test_idle_workers_share_a_request_and_its_outcomes_keep_their_order(forkserver):
    async with running_pool(forkserver, workers=2) as pool:
        asked = ask(pool, "하나", "둘", "셋")
        await settle()
        first, second = forkserver.workers
        assert (first.texts(), second.texts()) == (["하나"], ["둘"])
        await second.answer()
        assert second.texts() == ["셋"]
        await second.answer()
        await first.answer()
        assert forms(await asked) == [["하나"], ["둘"], ["셋"]]


@virtual_time
async def test_what_an_answer_took_is_summed_over_its_chunks(forkserver):
    async with running_pool(forkserver) as pool:
        asked = ask(pool, "하나 둘", "\ud83d", "셋")
        for _ in range(3):
            await settle()
            await forkserver.newest.answer()
        answer = await asked
        assert (answer.tokens, answer.code_points, answer.errors) == (3, 5, {"invalid_text": 1})
        assert answer.queue_s >= 0
        assert answer.analysis_s > 0


@virtual_time
async def test_no_documents_need_no_worker(forkserver):
    async with running_pool(forkserver) as pool:
        assert (await ask(pool)).bodies == []


@virtual_time
async def test_interactive_chunks_go_first_and_each_class_in_the_order_of_arrival(forkserver):
    async with running_pool(forkserver) as pool:
        asked = [ask(pool, "먼저")]
        for name, urgent in (("b1", False), ("u1", True), ("b2", False), ("u2", True)):
            asked.append(ask(pool, name, urgent=urgent))
        await settle()
        order = []
        for _ in asked:
            order += forkserver.newest.texts()
            await forkserver.newest.answer()
        assert order == ["먼저", "u1", "u2", "b1", "b2"]
        await asyncio.gather(*asked)


@virtual_time
async def test_a_caller_that_hangs_up_leaves_the_queue_at_once(forkserver):
    async with running_pool(forkserver) as pool:
        first, gone, last = ask(pool, "먼저"), ask(pool, "a" * 10, "b" * 20), ask(pool, "끝")
        await settle()
        assert pool.queued_bytes == 33
        gone.cancel()
        await settle()
        assert pool.queued_bytes == 3
        await forkserver.newest.answer()
        assert forkserver.newest.texts() == ["끝"]
        await forkserver.newest.answer()
        assert [forms(await asked) for asked in (first, last)] == [[["먼저"]], [["끝"]]]


@virtual_time
async def test_a_caller_who_hangs_up_while_a_worker_is_at_its_chunk_frees_the_worker(forkserver):
    async with running_pool(forkserver) as pool:
        gone, last = ask(pool, "하나", "둘"), ask(pool, "끝")
        await settle()
        gone.cancel()
        await settle()
        assert pool.busy == 1
        await forkserver.newest.answer()
        assert forkserver.newest.texts() == ["끝"]
        await forkserver.newest.answer()
        assert forms(await last) == [["끝"]]


@virtual_time
async def test_a_full_queue_refuses_and_says_when_there_will_be_room(forkserver):
    async with running_pool(forkserver, workers=2, queue_bytes=1000) as pool:
        held = ask(pool, "x", "x", "a" * 1001)
        await settle()
        with pytest.raises(NoCapacity, match="1,001 bytes of text are waiting for analysis, the limit is 1,000") as no:
            await ask(pool, "더")
        assert no.value.retry_after_s == pytest.approx(1001 / (2 * 200_000))
        held.cancel()
        await settle()
        for worker in forkserver.workers:
            await worker.answer()


@virtual_time
async def test_stopping_refuses_what_runs_and_what_waits(forkserver, caplog):
    pool = await start_pool(forkserver)
    both = [ask(pool, "하나", "둘"), ask(pool, "셋")]
    await settle()
    await pool.stop()
    ends = await asyncio.gather(*both, return_exceptions=True)
    assert [type(end) for end in ends] == [Draining, Draining]
    assert not [worker for worker in forkserver.workers if worker.alive]
    del both, ends, pool
    gc.collect()
    assert not caplog.records  # such as "exception was never retrieved"


@virtual_time
async def test_stopping_while_a_worker_starts_leaves_nothing_behind(forkserver):
    pool = await start_pool(forkserver, workers=2)
    for worker in list(forkserver.workers):
        await worker.die()
    _, _, waiting, asked = forkserver.workers
    assert asked.look() is not None  # for its sign of life
    await waiting.die()  # this slot's next attempt has to wait
    forks = len(forkserver.forks)
    await pool.stop()
    await asyncio.sleep(60)
    assert asked.dismissed
    assert len(forkserver.forks) == forks


@virtual_time
async def test_an_interactive_request_interrupts_a_worker_on_a_batch_request(forkserver):
    async with running_pool(forkserver, chunk_documents=10) as pool:
        batch = ask(pool, "일괄 하나", "일괄 둘", urgent=False)
        await settle()
        interactive = ask(pool, "사람")
        later = ask(pool, "다음")
        await settle()
        worker = forkserver.newest
        assert worker.texts() == ["사람"]
        await worker.answer()
        assert forms(await interactive) == [["사람"]]
        assert worker.texts() == ["다음"]
        await worker.answer()
        await worker.answer()
        assert forms(await later) == [["다음"]]
        assert forms(await batch) == [["일괄", "하나"], ["일괄", "둘"]]


@virtual_time
async def test_an_interactive_request_interrupts_no_other_interactive_request(forkserver):
    async with running_pool(forkserver) as pool:
        first, second = ask(pool, "하나"), ask(pool, "둘")
        await settle()
        assert forkserver.newest.texts() == ["하나"]
        assert forkserver.newest.interrupted is None
        await forkserver.newest.answer()
        await forkserver.newest.answer()
        assert [forms(await one) for one in (first, second)] == [[["하나"]], [["둘"]]]


@virtual_time
@pytest.mark.parametrize(("cause", "raised"), [("options", InvalidOption), ("engine", InternalError)])
async def test_a_failure_outside_of_a_document_is_the_request_s_and_costs_no_worker(forkserver, cause, raised):
    observer = CountingObserver()
    async with running_pool(forkserver, observer) as pool:
        asked, other = ask(pool, "하나"), ask(pool, "셋")
        await settle()
        await forkserver.newest.fail(JobFailure(cause, "because"))
        with pytest.raises(raised, match="because"):
            await asked
        assert forkserver.newest.texts() == ["셋"]
        await forkserver.newest.answer()
        assert forms(await other) == [["셋"]]
        assert (observer.lost, pool.busy, pool.queued_bytes) == (0, 0, 0)

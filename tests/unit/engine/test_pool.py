import asyncio
import gc
import itertools
import json

import pytest

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.job import JobFailure
from nlpbatch.engine.scoreboard import NONE
from nlpbatch.errors import ConfigError, Draining, InternalError, InvalidOption, NoCapacity
from nlpbatch.wire.options import Options
from tests.fakes.virtual_time import settle, virtual_time
from tests.fakes.workers import CountingObserver, FakeForkServer, new_pool, running_pool, start_pool


@pytest.fixture
def forkserver():
    return FakeForkServer()


def ask(pool, *texts, urgent=True):
    documents = from_texts(texts)
    return asyncio.create_task(
        pool.analyze(documents, encoding="json", options=Options(fields=("form",)), urgent=urgent)
    )


def outcomes(answer: PoolAnswer) -> list[dict]:
    return json.loads(b"[" + b",".join(answer.bodies) + b"]")


def forms(answer: PoolAnswer) -> list[list[str]]:
    return [[token["form"] for token in outcome["tokens"]] for outcome in outcomes(answer)]


def codes(answer: PoolAnswer) -> list[str | None]:
    return [outcome["error"] and outcome["error"]["code"] for outcome in outcomes(answer)]


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
async def test_a_note_of_an_earlier_job_blames_nobody(forkserver):
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
async def test_a_caller_who_hangs_up_gives_back_its_place_in_the_queue_at_once(forkserver):
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
async def test_a_person_s_request_interrupts_a_worker_that_is_on_a_job_s(forkserver):
    async with running_pool(forkserver, chunk_documents=10) as pool:
        batch = ask(pool, "일괄 하나", "일괄 둘", urgent=False)
        await settle()
        person = ask(pool, "사람")
        later = ask(pool, "다음")
        await settle()
        worker = forkserver.newest
        assert worker.texts() == ["사람"]
        await worker.answer()
        assert forms(await person) == [["사람"]]
        assert worker.texts() == ["다음"]
        await worker.answer()
        await worker.answer()
        assert forms(await later) == [["다음"]]
        assert forms(await batch) == [["일괄", "하나"], ["일괄", "둘"]]


@virtual_time
async def test_a_person_s_request_interrupts_no_other_person_s(forkserver):
    async with running_pool(forkserver) as pool:
        first, second = ask(pool, "하나"), ask(pool, "둘")
        await settle()
        assert forkserver.newest.texts() == ["하나"]
        assert forkserver.newest.interrupted is None
        await forkserver.newest.answer()
        await forkserver.newest.answer()
        assert [forms(await one) for one in (first, second)] == [[["하나"]], [["둘"]]]


@virtual_time
async def test_a_worker_that_dies_interrupted_costs_the_document_it_was_on_and_no_other(forkserver):
    async with running_pool(forkserver, chunk_documents=10) as pool:
        batch = ask(pool, "일괄 하나", "일괄 둘", urgent=False)
        await settle()
        forkserver.newest.begin(0)
        person = ask(pool, "사람")
        await settle()
        forkserver.newest.look()
        forkserver.newest.begin(0)
        await forkserver.newest.die()
        await forkserver.newest.answer()  # the new worker's sign of life
        await forkserver.newest.answer()
        assert codes(await person) == ["worker_died"]
        assert codes(await batch) == [None, None]


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

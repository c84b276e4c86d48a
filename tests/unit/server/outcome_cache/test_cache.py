"""Requests through the cache, with real cutting and encoding; a text begins with `dies`, or has `raises`, to fail."""

import asyncio
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpbatch.errors import NoCapacity
from nlpbatch.server.config import CacheSettings
from nlpbatch.server.outcome_cache.cache import CacheQuestion, OutcomeCache
from nlpbatch.wire.arrow import decode_answer, join_answer
from nlpbatch.wire.options import Options
from tests.fakes.direct_pool import DirectPool

MIB = 1024 * 1024


class Ticks:
    """A clock that goes on by a step each time it is read."""

    def __init__(self, step_s):
        self.step_s, self.now_s = step_s, 0.0

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


def documents(texts):
    return pa.array([None if text is None else text.encode("utf-8", "surrogatepass") for text in texts], pa.binary())


def question(encoding="json", options=None, fingerprint="f", *, urgent=False):
    return CacheQuestion(fingerprint, encoding, options or Options(), urgent=urgent)


def read(asked, bodies, count):
    """Return the outcomes that a caller reads."""
    if asked.encoding == "json":
        return json.loads(b"[" + b",".join(bodies) + b"]")
    body = join_answer(bodies, options=asked.options, analyzer="default", fingerprint="f")
    return decode_answer(body, documents=count, options=asked.options).to_pylist()


async def ask(cache, pool, asked, texts):
    served = await cache.analyze(pool, documents(texts), asked)
    return read(asked, served.answer.bodies, len(texts)), served


@pytest.fixture
def pool():
    return DirectPool()


@pytest.fixture
def cache():
    return OutcomeCache(CacheSettings(size_bytes=MIB))


@pytest.fixture(params=["json", "arrow"])
def asked(request):
    return question(request.param)


async def test_a_text_that_came_before_is_not_analysed(cache, pool, asked):
    first, _ = await ask(cache, pool, asked, ["가 나", "다", None])
    pool.analysed.clear()
    second, served = await ask(cache, pool, asked, ["라", "다", None, "가 나"])
    assert pool.analysed == ["라".encode(), None]
    assert second[1:] == [first[1], first[2], first[0]]
    assert (served.cached, cache.misses) == (2, 3)


async def test_a_request_of_kept_texts_asks_no_worker(cache, pool, asked):
    first, _ = await ask(cache, pool, asked, ["가", "나"])
    pool.analysed.clear()
    second, served = await ask(cache, pool, asked, ["나", "가", "나"])
    assert second == [first[1], first[0], first[1]]
    assert (pool.analysed, served.cached, served.answer.analysis_s) == ([], 3, 0)
    assert (served.answer.tokens, served.answer.code_points) == (0, 0)


async def test_a_request_of_new_texts_goes_through_as_it_is(cache, pool, asked):
    direct = await DirectPool().analyze(
        documents(["가", "나"]), encoding=asked.encoding, options=asked.options, urgent=False
    )
    served = await cache.analyze(pool, documents(["가", "나"]), asked)
    assert (served.answer.bodies, served.answer.tokens, served.cached) == (direct.bodies, direct.tokens, 0)


async def test_a_text_that_comes_twice_in_a_request_is_analysed_once(cache, pool, asked):
    outcomes, served = await ask(cache, pool, asked, ["가", None, "가", None])
    assert outcomes[0] == outcomes[2]
    assert outcomes[1] == outcomes[3]
    assert pool.analysed == ["가".encode(), None]
    assert served.cached == 1


async def test_an_error_is_not_kept(cache, asked):
    pool = DirectPool(deaths=1)
    first, served = await ask(cache, pool, asked, ["dies", "가"])
    assert first[0]["error"]["code"] == "worker_died"
    assert served.answer.errors == {"worker_died": 1}
    second, served = await ask(cache, pool, asked, ["dies", "가"])
    assert second[0]["error"] is None
    assert second[1] == first[1]
    assert (served.answer.errors, served.cached) == ({}, 1)


async def test_copies_of_a_text_that_failed_are_tried_each_by_itself(cache, asked):
    pool = DirectPool(deaths=2)
    outcomes, served = await ask(cache, pool, asked, ["dies", "가", "dies", "dies", "가"])
    assert [outcome["error"] and outcome["error"]["code"] for outcome in outcomes] == [
        "worker_died",
        None,
        "worker_died",
        None,
        None,
    ]
    assert served.answer.errors == {"worker_died": 2}
    assert served.cached == 1


@pytest.mark.parametrize(
    "other",
    [
        question(fingerprint="g"),
        question("arrow"),
        question(options=Options(fields=("form",))),
        question(options=Options(kiwi={"normalize_coda": True})),
        question(options=Options("space")),
    ],
)
async def test_whatever_decides_about_outcomes_keeps_them_apart(cache, pool, other):
    await ask(cache, pool, question(), ["가"])
    _, served = await ask(cache, pool, other, ["가"])
    assert served.cached == 0


async def test_interactive_requests_and_jobs_share_what_is_kept(cache, pool):
    await ask(cache, pool, question(urgent=True), ["가"])
    _, served = await ask(cache, pool, question(), ["가", "나"])
    assert served.cached == 1
    assert pool.urgent == [True, False]


async def test_a_cache_of_no_bytes_does_nothing(pool):
    cache = OutcomeCache(CacheSettings(size_bytes=0))
    for _ in range(2):
        _, served = await ask(cache, pool, question(), ["가", "가"])
        assert served.cached == 0
    assert (cache.seconds, len(pool.analysed)) == (0, 4)


async def test_a_request_that_the_pool_refuses_fails_as_without_a_cache(cache, pool, asked):
    await ask(cache, pool, asked, ["가"])

    async def refuse():
        raise NoCapacity("full", retry_after_s=1)

    pool.before = refuse
    with pytest.raises(NoCapacity):
        await ask(cache, pool, asked, ["가", "나"])
    assert (await ask(cache, pool, asked, ["가"]))[1].cached == 1


async def test_kept_rows_that_make_room_while_a_request_waits_are_answered(pool, asked):
    cache = OutcomeCache(CacheSettings(size_bytes=MIB))
    first, _ = await ask(cache, pool, asked, ["가"])
    shelf = cache.store.shelf(asked.kind)

    async def clear():
        cache.store.clear(shelf)

    pool.before = clear
    outcomes, served = await ask(cache, pool, asked, ["가", "나"])
    assert (outcomes[0], served.cached) == (first[0], 1)


async def test_requests_at_the_same_time_get_their_own_answers(cache, pool, asked):
    async def pause():
        await asyncio.sleep(0)

    pool.before = pause
    texts = [[str(number), str(number // 2), "가"] for number in range(20)]
    answers = await asyncio.gather(*(ask(cache, pool, asked, some) for some in texts))
    for some, (outcomes, _) in zip(texts, answers, strict=True):
        assert [outcome["tokens"][0]["form"] for outcome in outcomes] == some


async def test_it_goes_off_where_nothing_repeats_and_on_when_it_does(pool, asked):
    cache = OutcomeCache(CacheSettings(size_bytes=MIB), Ticks(0.01))
    window = 4096
    for start in range(0, window, 256):
        await ask(cache, pool, asked, [str(number) for number in range(start, start + 256)])
    shelf = cache.store.shelf(asked.kind)
    assert (shelf.policy.is_on, len(cache.store), cache.store.size_bytes) == (False, 0, 0)

    repeated = [str(number) for number in range(512)]
    for _ in range(2):
        assert (await ask(cache, pool, asked, repeated))[1].cached == 0
    for _ in range(100):
        if shelf.policy.is_on:
            break
        await ask(cache, pool, asked, repeated)
    await ask(cache, pool, asked, repeated)
    assert (await ask(cache, pool, asked, repeated))[1].cached == 512


async def test_the_cache_counts_its_own_time_and_not_the_pools(pool):
    clock = Ticks(1.0)
    cache = OutcomeCache(CacheSettings(size_bytes=MIB), clock)

    async def wait():
        clock.now_s += 1000

    pool.before = wait
    await ask(cache, pool, question(), ["가"])
    assert 0 < cache.seconds < 10


def test_only_hashes_of_the_question_are_kept():
    assert len(question(options=Options(stopwords=("비밀",) * 1000)).kind) == 16


TEXTS = st.sampled_from(
    ["가", "가 나", "는 것", "raises", "dies", "dies 1", "\ud800", "긴 " * 30, "", " ", "},{", '"', None]
)
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["json", "arrow"]),
        st.sampled_from(
            [
                Options(),
                Options(stopwords=True),
                Options(candidates=True, top_n=2),
                Options("sentences"),
                Options("space"),
            ]
        ),
        st.lists(TEXTS, max_size=12),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(REQUESTS)
def test_any_sequence_of_requests_gets_what_it_would_get_without_a_cache(requests):
    async def play():
        cache, none = OutcomeCache(CacheSettings(size_bytes=MIB)), OutcomeCache(CacheSettings(size_bytes=0))
        pool, plain = DirectPool(), DirectPool()
        for encoding, options, texts in requests:
            asked = question(encoding, options)
            outcomes, served = await ask(cache, pool, asked, texts)
            expected, direct = await ask(none, plain, asked, texts)
            assert outcomes == expected
            assert served.answer.errors == direct.answer.errors
        assert len(pool.analysed) <= len(plain.analysed)

    asyncio.run(play())

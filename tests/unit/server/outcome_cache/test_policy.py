"""Documents of 100 bytes, of which the analysis takes 1 ms; the cache takes 2 µs for each."""

import pytest

from nlpbatch.server.outcome_cache.policy import Policy

WINDOW = 10_000
SIZE = 100
COST_S = 2e-6
SHARE = 1 / 64


@pytest.fixture
def policy():
    made = Policy(WINDOW)
    made.analysed(1000, 1000 * SIZE, 1.0)
    return made


def serve(policy, documents, repeated, requests=1):
    for _ in range(requests):
        policy.served(documents, saved_bytes=repeated * SIZE, seconds=documents * COST_S)


def sample(policy, documents, repeated):
    for _ in range(10):
        policy.sampled(documents // 10, repeated_bytes=repeated * SIZE // 10, share=SHARE)


def test_it_learns_what_an_analysis_takes(policy):
    assert policy.saving_s(SIZE) == pytest.approx(0.001)
    policy.analysed(100_000, 100_000 * SIZE, 200.0)  # twice as slow, for long
    assert policy.saving_s(SIZE) == pytest.approx(0.002, rel=0.01)


def test_before_anything_was_analysed_nothing_is_known_to_be_saved():
    assert Policy(WINDOW).saving_s(SIZE) == 0


def test_it_is_on_to_begin_with_and_is_not_judged_before_the_cache_could_be_full(policy):
    serve(policy, 100, 0, requests=99)
    assert policy.is_on
    serve(policy, 100, 0)
    assert not policy.is_on


@pytest.mark.parametrize(("repeated", "is_on"), [(0, False), (1, False), (3, True), (340, True)])
def test_it_stays_on_where_it_saves_more_than_it_takes(policy, repeated, is_on):
    # Of 10,000 documents 2 µs each are what 20 analyses take: 0.2 %.
    serve(policy, 1000, repeated, requests=20)
    assert policy.is_on is is_on


def test_what_was_long_ago_does_not_keep_it_on(policy):
    serve(policy, 1000, 600, requests=10)
    serve(policy, 1000, 0, requests=50)
    assert policy.is_on  # its savings are 6 s, half of them forgotten with each window
    serve(policy, 1000, 0, requests=100)
    assert not policy.is_on


@pytest.fixture
def off(policy):
    serve(policy, 1000, 0, requests=10)
    assert not policy.is_on
    return policy


def test_it_goes_on_again_when_a_sample_repeats_itself_enough(off):
    sample(off, 1000, 10)
    assert off.is_on


def test_it_stays_off_where_it_would_hardly_pay(off):
    sample(off, 10_000, 30)  # 0.3 % would save one and a half times its cost
    assert not off.is_on


def test_a_few_sampled_documents_are_no_evidence(off):
    off.sampled(255, repeated_bytes=255 * SIZE, share=SHARE)
    assert not off.is_on
    off.sampled(1, repeated_bytes=0, share=SHARE)
    assert off.is_on


def test_once_on_again_it_gets_a_whole_window(off):
    sample(off, 1000, 500)
    serve(off, 1000, 0, requests=9)
    assert off.is_on
    serve(off, 1000, 0)
    assert not off.is_on


def test_old_samples_are_forgotten_when_it_goes_off_again(off):
    sample(off, 1000, 500)
    serve(off, 1000, 0, requests=10)
    sample(off, 1000, 0)
    assert not off.is_on


def test_for_a_fast_engine_it_takes_more_repeats(policy):
    fast = Policy(WINDOW)
    fast.analysed(1000, 1000 * SIZE, 0.01)  # 10 µs a document: five times the cache's cost
    serve(fast, 1000, 150, requests=10)
    assert not fast.is_on
    sample(fast, 10_000, 3000)
    assert not fast.is_on
    sample(fast, 100_000, 50_000)
    assert fast.is_on

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import InvalidRequest
from proxy.config import ReplaySettings
from proxy.forwarding.answer_cache import AnswerCache
from proxy.forwarding.single_flight import idempotency_key
from proxy.upstream.client import UpstreamResponse

NAME = ("home", "k")


def answer(size_bytes=10, status=200, **headers):
    return UpstreamResponse(status, headers, b"x" * size_bytes)


def answers(**settings):
    given = ReplaySettings(**settings)
    return AnswerCache(given)


def test_an_answer_is_found_with_the_digest_of_its_question_until_its_time_is_over():
    kept = answers(ttl_s=10)
    kept.keep(NAME, b"d", answer(), 0.0)
    assert kept.find(NAME, 9.9) == (b"d", answer())
    assert kept.find(NAME, 10.0) is None
    assert kept.size_bytes == 0


def test_tenants_never_share():
    kept = answers()
    kept.keep(("home", "k"), b"d", answer(), 0.0)
    assert kept.find(("guests", "k"), 0.0) is None


@pytest.mark.parametrize("status", [200, 400, 413, 422])
def test_what_depends_on_the_request_alone_is_kept(status):
    kept = answers()
    kept.keep(NAME, b"d", answer(status=status), 0.0)
    assert kept.find(NAME, 0.0)


@pytest.mark.parametrize("status", [301, 401, 408, 412, 429, 500, 502, 503, 504])
def test_what_may_be_better_next_time_is_not_kept(status):
    kept = answers()
    kept.keep(NAME, b"d", answer(status=status), 0.0)
    assert kept.find(NAME, 0.0) is None


def test_what_the_api_says_is_not_to_be_kept_is_not():
    kept = answers()
    kept.keep(NAME, b"d", answer(**{"Cache-Control": "no-store"}), 0.0)
    assert kept.find(NAME, 0.0) is None


def test_a_large_answer_is_not_kept():
    kept = answers(answer_bytes=100)
    kept.keep(NAME, b"d", answer(101), 0.0)
    assert kept.find(NAME, 0.0) is None


def test_what_was_asked_for_longest_ago_makes_room():
    kept = answers(size_bytes=3 * 2048 + 3000, answer_bytes=1000)
    for key in "abc":
        kept.keep(("home", key), b"d", answer(1000), 0.0)
    kept.find(("home", "a"), 1.0)
    kept.keep(("home", "d"), b"d", answer(1000), 2.0)
    assert [key for key in "abcd" if kept.find(("home", key), 3.0)] == ["a", "c", "d"]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 5000), st.floats(0, 100)), max_size=60))
def test_the_bound_holds_whatever_is_kept(steps):
    kept, now_s = answers(size_bytes=20_000, answer_bytes=4000, ttl_s=50), 0.0
    for key, size_bytes, pause_s in steps:
        now_s += pause_s
        kept.keep(("home", key), b"d", answer(size_bytes), now_s)
        assert 0 <= kept.size_bytes <= 20_000


@pytest.mark.parametrize(("values", "key"), [((), None), (['"a b"'], "!"), (['"k-1"'], "k-1"), (["k-1"], "k-1")])
def test_a_key_is_a_quoted_string_or_a_bare_one(values, key):
    if key == "!":
        with pytest.raises(InvalidRequest):
            idempotency_key(values)
    else:
        assert idempotency_key(values) == key


@pytest.mark.parametrize("values", [["a", "b"], [""], ['""'], ["a" * 129], ['"'], ["é"], ['a"b']])
def test_what_is_no_key_is_refused(values):
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        idempotency_key(values)

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch import errors
from nlpbatch.wire.media import PROBLEM_JSON
from nlpbatch.wire.problem import STATUS_BY_ERROR, from_answer, status_of, to_problem
from tests.fakes.error_tree import leaves

NOW_S = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBER_NAMES = st.sampled_from(
    ["type", "title", "status", "detail", "code", "request_id", "retry_after_s", "message", "self", "limit"]
)


def read(status, members=None, *, headers=None):
    headers = {"Content-Type": PROBLEM_JSON} | (headers or {})
    body = b"" if members is None else json.dumps(members).encode()
    return from_answer(status, headers, body, now_s=NOW_S)


@pytest.mark.parametrize("cls", STATUS_BY_ERROR)
def test_an_error_is_the_same_on_both_sides_of_the_wire(cls):
    error = cls("값 5, bound 3: do this", retry_after_s=0.25, request_id="r-1", limit=3, path="/texts/0")
    twin = read(status_of(error), to_problem(error))
    assert type(twin) is cls
    assert (twin.message, twin.retry_after_s, twin.request_id) == (error.message, 0.25, "r-1")
    assert twin.details == error.details


@pytest.mark.parametrize("cls", STATUS_BY_ERROR)
def test_a_problem_has_the_members_of_rfc_9457(cls):
    members = to_problem(cls("…"))
    assert members["type"] == f"urn:nlpbatch:problem:{cls.code}"
    assert 400 <= members["status"] < 600
    assert members["detail"] == "…"
    assert "request_id" not in members
    assert "retry_after_s" not in members


def test_every_error_that_a_server_may_raise_has_a_status():
    local = {
        errors.StorageFull,
        errors.CatalogAway,
        errors.PatienceExhausted,
        errors.TooManyErrors,
        errors.UnreadableInput,
    }
    local |= {errors.OutputInUse, errors.ExpectationBreached}
    assert leaves() - local == set(STATUS_BY_ERROR)


def test_an_overloaded_caller_gets_429_and_an_overloaded_service_503():
    assert status_of(errors.QueueFull("…")) == 429
    assert {status_of(cls("…")) for cls in (errors.NoCapacity, errors.Draining)} == {503}


def test_an_error_without_a_status_of_its_own_is_a_500():
    assert status_of(errors.ConfigError("…")) == 500


def test_details_cannot_replace_what_the_document_itself_says():
    members = to_problem(errors.RequestTooLarge("…", status=200, code="fine", limit=5))
    assert (members["status"], members["code"], members["limit"]) == (413, "request_too_large", 5)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthenticated),
        (403, errors.InvalidRequest),
        (404, errors.NotFound),
        (408, errors.ServiceTimeout),
        (413, errors.RequestTooLarge),
        (429, errors.QueueFull),
        (500, errors.InternalError),
        (501, errors.UnexpectedAnswer),
        (502, errors.BackendFailed),
        (503, errors.NoCapacity),
        (504, errors.ServiceTimeout),
        (525, errors.UnexpectedAnswer),
    ],
)
def test_a_stranger_in_between_is_understood_by_the_status_alone(status, cls):
    error = from_answer(status, {"Content-Type": "text/html"}, b"<html>", now_s=NOW_S)
    assert type(error) is cls
    assert f"HTTP {status}" in error.message


def test_a_code_from_a_newer_service_is_understood_by_its_status():
    error = read(429, {"code": "newer", "detail": "wait"})
    assert type(error) is errors.QueueFull
    assert error.message == "wait"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
        ("-7", None),
        ("soon", None),
        ("²", None),
        ("", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header, seconds):
    assert read(503, headers={"Retry-After": header}).retry_after_s == seconds


def test_the_exact_time_in_the_document_is_preferred_to_the_header():
    assert read(429, {"retry_after_s": 0.2}, headers={"Retry-After": "1"}).retry_after_s == 0.2


@pytest.mark.parametrize("nonsense", ["1", None, [1], -1, float("nan"), float("inf"), 10**400])
def test_a_time_in_the_document_that_is_none_never_makes_a_negative_or_undefined_wait(nonsense):
    assert read(429, {"retry_after_s": nonsense}).retry_after_s in {None, 0.0}


@given(st.integers(300, 599), st.dictionaries(MEMBER_NAMES | st.text(), JSON_VALUES), st.text())
def test_no_problem_document_whatever_confuses_the_reader(status, members, retry_after):
    error = read(status, members, headers={"Retry-After": retry_after})
    assert isinstance(error, errors.NlpbatchError)
    assert error.message


@given(st.binary())
def test_no_body_whatever_confuses_the_reader(body):
    headers = {"Content-Type": f"{PROBLEM_JSON}; charset=utf-8"}
    assert isinstance(from_answer(500, headers, body, now_s=NOW_S), errors.NlpbatchError)

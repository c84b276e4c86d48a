"""Getting an outcome for every text from a service that fails on some, on others for a while, or altogether."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.client.calls import Trace
from nlpbatch.client.columns.bisecting_client import BisectingClient
from nlpbatch.errors import (
    BackendFailed,
    BudgetExhausted,
    FingerprintMismatch,
    InternalError,
    InvalidRequest,
    PatienceExhausted,
    RequestTooLarge,
    ServiceUnreachable,
    Unauthenticated,
    UnexpectedAnswer,
)
from nlpbatch.wire.arrow import answer_schema
from nlpbatch.wire.options import Options

ASKED = Options(fields=("form",))


class Service:
    """Answers each text with itself; fails whole requests that hold a poison, or single texts for some rounds."""

    def __init__(self, poison=None, error=None, most=10**9, errors=None, down_after=None):
        self.poison, self.error, self.most = poison, error, most
        self.errors = dict(errors or {})
        self.down_after = down_after
        self.asked = []

    def __call__(self, texts, on_answer):
        texts = texts.to_pylist()
        self.asked.append(texts)
        if self.down_after is not None and len(self.asked) > self.down_after:
            raise InternalError("it fails whatever it is asked", request_id="r")
        if len(texts) > self.most:
            raise RequestTooLarge("too much at once", request_id="large")
        if self.poison in texts:
            raise self.error
        on_answer(Trace(f"r{len(self.asked)}", 1, False, 10))
        rows = [self._row(text) for text in texts]
        return pa.Table.from_pylist(rows, schema=answer_schema(ASKED))

    def _row(self, text):
        left = self.errors.get(text, [])
        if left:
            return {"tokens": None, "error": {"code": left.pop(0), "message": "it went wrong"}}
        return {"tokens": [{"form": text}], "error": None}


def send(service, texts):
    answer = BisectingClient(service, ASKED).answer(pa.array(texts, pa.string()))
    rows = answer.table.to_pylist()
    assert len(rows) == len(texts)
    return rows, answer.stats


def gave_up(code):
    return PatienceExhausted("gave up", request_id="last", attempts=3, last_code=code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequest("it can't be read", request_id="r"), "invalid_request"),
        (gave_up("internal"), "internal"),
    ],
)
@given(st.integers(0, 20), st.integers(1, 21))
def test_the_text_at_fault_is_isolated_and_all_others_are_answered(error, code, position, count):
    texts = [str(number) for number in range(max(count, position + 1))]
    rows, stats = send(Service(str(position), error), texts)
    for number, row in enumerate(rows):
        if number == position:
            assert row["tokens"] is None
            assert row["error"]["code"] == code
            assert row["error"]["request_id"] == error.request_id
            assert row["error"]["attempts"] == error.details.get("attempts", 1)
        else:
            assert (row["tokens"], row["error"]) == ([{"form": str(number)}], None)
    assert stats.split >= 1


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_request_that_is_too_large_is_cut_until_it_fits(count, most):
    service = Service(most=most)
    rows, stats = send(service, [str(number) for number in range(count)])
    assert [row["tokens"][0]["form"] for row in rows] == [str(number) for number in range(count)]
    assert stats.answered == sum(len(texts) <= most for texts in service.asked)
    assert stats.answered_bytes == 10 * stats.answered


def test_a_single_text_that_is_too_large_gets_the_error_of_one():
    rows, _ = send(Service("b", RequestTooLarge("413", request_id="r")), ["a", "b"])
    assert rows[1]["error"]["code"] == "text_too_large"


@pytest.mark.parametrize(
    "error",
    [
        Unauthenticated("the key was taken back"),
        FingerprintMismatch("another version"),
        BudgetExhausted("used up until midnight", retry_after_s=3600),
        UnexpectedAnswer("not Arrow: something else stands between us and the service"),
        gave_up("service_unreachable"),
        gave_up("backend_failed"),
        ServiceUnreachable("nobody there"),
        BackendFailed("no backend"),
    ],
)
def test_what_is_the_same_for_every_text_fails_at_once(error):
    service = Service("b", error)
    with pytest.raises(type(error)):
        send(service, ["a", "b", "c"])
    assert len(service.asked) == 1


def test_a_service_that_answers_nothing_at_all_is_at_fault_itself():
    service = Service(down_after=0)
    with pytest.raises(InternalError):
        send(service, ["a", "b", "c", "d"])
    assert [len(texts) for texts in service.asked] == [4, 2, 1, 1]
    assert service.asked[-1] == [""]


def test_a_text_whose_worker_was_killed_is_asked_again_by_itself():
    service = Service(errors={"b": ["worker_died"]})
    rows, stats = send(service, ["a", "b", "c"])
    assert [row["error"] for row in rows] == [None, None, None]
    assert service.asked == [["a", "b", "c"], ["b"]]
    assert stats.answered == 2


def test_a_text_that_kills_every_worker_keeps_its_error():
    service = Service(errors={"b": ["worker_died"] * 9})
    rows, _ = send(service, ["a", "b"])
    assert rows[1]["error"] == {"code": "worker_died", "message": "it went wrong", "attempts": 1, "request_id": "r3"}
    assert len(service.asked) == 3


def test_an_error_that_would_come_again_is_not_asked_for_again():
    service = Service(errors={"a": ["invalid_text"]})
    rows, _ = send(service, ["a", "b"])
    assert rows[0]["error"]["code"] == "invalid_text"
    assert len(service.asked) == 1

import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine import frames
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.job import Encoding, Job, JobFailure, JobResult, read_answer
from nlpbatch.engine.scoreboard import NONE, Scoreboard
from nlpbatch.engine.worker import run, serve
from nlpbatch.wire.arrow import decode_answer, join_answer
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DocumentError
from tests.fakes.engine import ObedientEngine, WordEngine, WordToken

FIELDS = KIWI_FIELDS


def work(texts: list[str | None], encoding: Encoding = "json", *, fields: tuple[str, ...] = FIELDS, **job) -> JobResult:
    return run(WordEngine(**job), Job(1, encoding, Options(fields=fields), from_texts(texts), {}), lambda _: None)


def outcomes(result: JobResult) -> list[dict]:
    return json.loads(b"[" + result.body + b"]")


def test_null_has_nothing_blank_has_no_tokens_text_has_tokens() -> None:
    rows = outcomes(work([None, "  ", "나는 간다"], fields=("form", "start")))
    assert rows == [
        {"tokens": None, "error": None},
        {"tokens": [], "error": None},
        {"tokens": [{"form": "나는", "start": 0}, {"form": "간다", "start": 3}], "error": None},
    ]


def test_a_text_the_engine_raises_on_costs_that_document_alone_and_is_not_quoted() -> None:
    result = work(["좋다", "비밀 나쁘다", "좋다"], raises="나쁘다")
    rows = outcomes(result)
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, "analysis_failed", None]
    assert "RuntimeError" in rows[1]["error"]["message"]
    assert "비밀" not in rows[1]["error"]["message"]
    assert result.errors == {"analysis_failed": 1}


def test_a_lone_surrogate_costs_that_document_alone() -> None:
    rows = outcomes(work(["좋다", "\ud83d x", "좋다"]))
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, "invalid_text", None]
    assert "byte 0 of 5" in rows[1]["error"]["message"]


def test_documents_that_failed_before_are_not_analysed_again() -> None:
    job = Job(
        1, "json", Options(fields=("form",)), from_texts(["a", "b"]), {0: DocumentError("worker_died", "because")}
    )
    begun: list[int] = []
    rows = outcomes(run(WordEngine(), job, begun.append))
    assert rows[0]["error"] == {"code": "worker_died", "message": "because"}
    assert rows[1]["tokens"] == [{"form": "b"}]
    assert begun == [1, NONE]


def test_each_document_is_noted_before_it_is_analysed() -> None:
    begun: list[int] = []
    run(WordEngine(), Job(1, "json", Options(fields=("form",)), from_texts(["a", None, "c"]), {}), begun.append)
    assert begun == [0, 2, NONE]


def test_tokens_code_points_and_errors_are_counted() -> None:
    result = work(["가나 다", None, "라"])
    assert (result.tokens, result.code_points, dict(result.errors)) == (3, 5, {})


@given(st.lists(st.none() | st.text(max_size=20), max_size=20))
def test_json_and_arrow_say_the_same_in_every_field(texts: list[str | None]) -> None:
    in_json = outcomes(work(texts, "json"))
    message = work(texts, "arrow").body
    stream = join_answer([message], options=Options(fields=FIELDS), analyzer="default", fingerprint="f")
    assert decode_answer(stream, documents=len(texts), options=Options(fields=FIELDS)).to_pylist() == in_json


@pytest.mark.parametrize("fields", [("form",), ("script", "oov"), FIELDS[::-1]])
def test_fields_come_in_the_order_asked_for(fields: tuple[str, ...]) -> None:
    assert list(outcomes(work(["가"], fields=fields))[0]["tokens"][0]) == list(fields)


def test_a_worker_serves_jobs_until_the_pool_closes_the_channel_and_a_second_one_goes_first() -> None:
    scoreboard = Scoreboard.create(2)
    pool, worker = socket.socketpair()
    with pool, worker:
        for job_id in (7, 8):
            pool.sendall(Job(job_id, "json", Options(fields=("form",)), from_texts(["가 나", None]), {}).to_frame())
        pool.shutdown(socket.SHUT_WR)
        serve(WordEngine(), worker, scoreboard, 1)
        worker.shutdown(socket.SHUT_WR)
        answered = [frames.receive(pool) for _ in range(3)]
    assert [frame and frame[0]["job_id"] for frame in answered] == [8, 7, None]
    assert [frame[0]["tokens"] for frame in answered if frame] == [2, 2]
    assert (scoreboard.read(0).job_id, scoreboard.read(1).job_id, scoreboard.read(1).document) == (0, 7, NONE)
    scoreboard.close()


def test_the_time_of_what_goes_first_is_not_counted_twice() -> None:
    job = Job(1, "json", Options(fields=("form",)), from_texts(["가", "나"]), {})
    assert run(WordEngine(), job, lambda _: None, lambda: 1000.0).analysis_s < -1999


def blocked(command: str) -> JobFailure:
    options = Options.checked("analyze", {"blocklist": [command]})
    result = run(ObedientEngine(), Job(1, "json", options, from_texts(["가"]), {}), lambda _: None)
    assert isinstance(result, JobFailure)
    return result


def test_options_that_the_engine_refuses_fail_the_request_and_are_named() -> None:
    failure = blocked("!refuse")
    assert failure.error.code == "invalid_option"
    assert "ValueError: no such word: \\ud83d" in failure.message
    assert read_answer({"failure": [failure.cause, failure.message]}, b"") == failure


def test_whatever_else_is_raised_before_the_first_document_fails_the_request_and_is_not_quoted() -> None:
    failure = blocked("!fail")
    assert failure.error.code == "internal"
    assert "RuntimeError" in failure.message
    assert "비밀" not in failure.message


class UnprintableEngine(WordEngine):
    def tokens(self, text: str, *, pretokenized: object = None) -> list[WordToken]:  # noqa: ARG002
        return [WordToken("\ud83d" if word == "bad" else word, 0) for word in text.split()]


@pytest.mark.parametrize("encoding", ["json", "arrow"])
def test_an_outcome_that_cannot_be_written_costs_that_document_alone(encoding: Encoding) -> None:
    options = Options(fields=("form",))
    result = run(UnprintableEngine(), Job(1, encoding, options, from_texts(["a", "bad", "c"]), {}), lambda _: None)
    assert isinstance(result, JobResult)
    assert result.errors == {"analysis_failed": 1}


def test_a_frame_that_cannot_be_read_fails_its_request_and_the_worker_lives_on() -> None:
    ours, theirs = socket.socketpair()
    good = Job(8, "json", Options(fields=("form",)), from_texts(["가"]), {}).to_frame()
    worker = threading.Thread(target=serve, args=(WordEngine(), theirs, Scoreboard.create(1), 0))
    worker.start()
    with theirs, ours:
        ours.sendall(frames.pack({"job_id": 7, "encoding": "json"}, b""))
        first = frames.receive(ours)
        ours.sendall(good)
        second = frames.receive(ours)
        ours.shutdown(socket.SHUT_WR)
        worker.join()
    assert first is not None
    assert second is not None
    assert (first[0]["job_id"], read_answer(*first).error.code) == (7, "internal")  # type: ignore[union-attr]
    assert second[0]["job_id"] == 8

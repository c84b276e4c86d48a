"""Arguments that both clients refuse before anything is sent."""

import json

import pyarrow as pa
import pytest

from nlpbatch import errors
from tests.fakes.transports import EMPTY, answer, problem


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (b"bytes", "texts is a bytes"),
        (5, "texts is a int"),
        (None, "texts is a NoneType"),
        (["가", 5], "text 1 is a int"),
        (["가", b"x"], "text 1 is a bytes"),
        ([1.5], "text 0 is a float"),
        ([["가"]], "text 0 is a list"),
    ],
)
def test_texts_of_the_wrong_type_are_named_before_anything_is_sent(driver, texts, why):
    calls = driver(answer(EMPTY))
    with pytest.raises(errors.InvalidRequest, match=why):
        calls.analyze(texts)
    assert (calls.transport.requests, calls.stats.requests) == ([], 0)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["가"], "texts is a list: give a pyarrow array"),
        (pa.array([1, 2]), "array of int64"),
        (pa.array([b"x"]), "array of binary"),
    ],
)
def test_arrow_texts_of_the_wrong_type_are_named_before_anything_is_sent(driver, texts, why):
    calls = driver(answer(EMPTY))
    with pytest.raises(errors.InvalidRequest, match=why):
        calls.analyze_arrow(texts)
    assert calls.transport.requests == []


@pytest.mark.parametrize(
    "texts",
    [
        pa.array(["가", None], pa.large_string()),
        pa.array(["가", None], pa.string_view()),
        pa.chunked_array([["가"], [None]]),
        pa.array([None, None]),
        pa.array(["앞", "가", None, "뒤"]).slice(1, 2),
    ],
)
def test_arrow_texts_in_any_string_layout_are_sent_as_plain_strings(driver, texts):
    calls = driver(problem(errors.Unauthenticated("stop here")))
    with pytest.raises(errors.Unauthenticated):
        calls.analyze_arrow(texts)
    sent = pa.ipc.open_stream(calls.transport.requests[0].body).read_all()
    assert sent.schema.field("text").type == pa.string()
    assert sent["text"].to_pylist() == texts.to_pylist()


@pytest.mark.parametrize(
    ("fields", "why"),
    [(("form", "colour"), "unknown token field 'colour'"), ((), "no token field"), ("form,tag", "'form,tag'")],
)
def test_fields_are_checked_before_anything_is_sent(driver, fields, why):
    calls = driver(answer(EMPTY))
    with pytest.raises(errors.UnknownField, match=why):
        calls.analyze("가", fields=fields)
    assert calls.transport.requests == []


def test_one_field_may_be_given_by_its_name_alone(driver):
    calls = driver(answer(EMPTY))
    calls.analyze("가", fields="form")
    assert json.loads(calls.transport.requests[0].body)["fields"] == ["form"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"service": "proxy:8700"}, "http://"),
        ({"pool_size": 0}, "pool_size is 0"),
        ({"job": "리뷰"}, "job '리뷰' can't be sent in an HTTP header"),
        ({"job": ""}, "job ''"),
        ({"job": 5}, "job is a int"),
        ({"priority": "high"}, "priority is 'high'"),
        ({"priority": 6}, "priority is '6'"),
    ],
)
def test_arguments_that_cannot_work_are_refused_when_the_client_is_made(driver, arguments, why):
    with pytest.raises(errors.ConfigError, match=why):
        driver(answer(), **arguments)


def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated(driver):
    with pytest.raises(errors.ConfigError, match="api_key") as caught:
        driver(answer(), api_key="geheim\r\nX-Evil: 1")
    assert "geheim" not in caught.value.message

"""What may hold texts or documents, of every operation, and what is refused."""

import json
from collections import UserList

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nlpbatch import errors
from nlpbatch.wire.media import ANALYZERS_PATH
from tests.fakes.parts import PART_DOCUMENTS, TEXTS, asked, forms
from tests.fakes.transports import answer, honest

pytestmark = pytest.mark.usefixtures("small_parts")
NOTHING = float("nan"), pd.NA, pd.NaT, np.nan, np.float32("nan"), np.datetime64("NaT"), np.ma.masked, None


@pytest.mark.parametrize(
    "texts",
    [
        ["가", *NOTHING],
        UserList(["가", None]),
        pd.Series(["가", None, np.nan], dtype=object),
        pd.Series(["가", None], dtype="string"),
        pd.Series(["가", None], dtype="category"),
        pd.Series(["가", "x"], index=[5, 3]).where([True, False]),
        np.array(["가", None, np.nan], dtype=object),
        pl.Series(["가", None]),
        pa.array(["가", None]),
        pa.chunked_array([["가"], [None]]),
        pa.array(["가", None], pa.large_string()),
        pa.array(["가", None]).dictionary_encode(),
    ],
    ids=lambda texts: f"{type(texts).__module__}.{type(texts).__name__}",
)
def test_what_libraries_hold_texts_in_is_taken_with_what_is_missing_as_null(driver, texts):
    calls = driver(honest())
    outcomes = list(calls.analyze(texts))
    assert forms(outcomes) == ["가"] + [None] * (len(outcomes) - 1)
    assert len(outcomes) > 1
    assert all(text is None for text in asked(calls)[0][1:])


def test_an_array_of_fixed_width_strings_is_taken(driver):
    assert forms(driver(honest()).analyze(np.array(["가", "나나"]))) == ["가", "나나"]


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (pd.DataFrame({"a": ["가"]}), "texts is a DataFrame of several columns: give one of them"),
        (pl.DataFrame({"a": ["가"]}), "texts is a DataFrame of several columns"),
        (np.array([["가"]]), "texts is a ndarray of several columns"),
        (pa.table({"a": ["가"]}), "texts is a Table"),
        (pa.array([1]), "text 0 is a int"),
        (np.array([b"x"]), "text 0 is a bytes_"),
        ([np.array([1, 2])], "text 0 is a ndarray"),
        (pd.Series([1.5, None]), "text 0 is a float"),
    ],
)
def test_what_holds_something_else_is_refused_by_position_and_type(driver, texts, why):
    with pytest.raises(errors.InvalidRequest, match=why) as caught:
        driver(honest()).analyze(texts)
    assert "1.5" not in caught.value.message


def test_sentences_and_space_take_any_number_of_texts_too(driver):
    def step(request):
        if request.target == ANALYZERS_PATH:
            return honest()(request)
        texts = json.loads(request.body)["texts"]
        member = {"/v1/space": "text", "/v1/sentences": "sentences"}[request.target]
        return answer(*({member: text if member == "text" else [], "error": None} for text in texts))

    calls = driver(step)
    assert [outcome.text for outcome in calls.space(TEXTS)] == TEXTS
    assert [outcome.text for outcome in calls.space(iter(TEXTS))] == TEXTS
    assert [outcome.sentences for outcome in calls.sentences(iter(TEXTS))] == [()] * len(TEXTS)


def written(request):
    """Answer join and glue with what they were sent, as JSON."""
    if request.target == ANALYZERS_PATH:
        return honest()(request)
    members = json.loads(request.body)
    documents = members["morphemes"] if request.target == "/v1/join" else members["chunks"]
    extra = members.get("insert_new_lines") or [None] * len(documents)
    pairs = zip(documents, extra, strict=True)
    return answer(*({"text": document and json.dumps([document, one]), "error": None} for document, one in pairs))


def test_join_and_glue_take_any_number_of_documents_too(driver):
    morphemes = [[("덥", "VA"), ("어", "EC", True)]] * (PART_DOCUMENTS + 1)
    expected = [json.dumps([[["덥", "VA"], ["어", "EC", True]], None])] * len(morphemes)
    calls = driver(written)
    assert [outcome.text for outcome in calls.join(morphemes)] == expected
    assert [outcome.text for outcome in calls.join(iter(morphemes))] == expected
    assert [outcome.text for outcome in calls.glue([["가", "나"], None])] == [json.dumps([["가", "나"], None]), None]


def test_what_belongs_to_documents_stays_with_them(driver):
    chunks = [["가", str(number)] for number in range(2 * PART_DOCUMENTS + 1)]
    flags = [[number % 2 == 0, False] for number in range(len(chunks))]
    expected = [json.dumps(pair) for pair in zip(chunks, flags, strict=True)]
    calls = driver(written)
    assert [outcome.text for outcome in calls.glue(chunks, insert_new_lines=flags)] == expected
    assert [outcome.text for outcome in calls.glue(iter(chunks), insert_new_lines=iter(flags))] == expected


@pytest.mark.parametrize(
    ("method", "documents", "given", "why"),
    [
        ("join", "가", {}, "morphemes is a str: give an iterable with a list for each document"),
        ("join", [[("가", 3)]], {}, "document 0 has the wrong shape"),
        ("join", [None, "가"], {}, "document 1 is a string"),
        ("glue", [["가", 3]], {}, "document 0 has the wrong shape"),
        ("glue", [["가"]], {"insert_new_lines": []}, "insert_new_lines has fewer entries than there are documents"),
        ("glue", [["가"]], {"insert_new_lines": [[True], None]}, "insert_new_lines has more entries"),
        ("analyze", ["가"], {"pretokenized": [[(0,)]]}, "entry of pretokenized 0 has the wrong shape"),
    ],
)
def test_documents_of_the_wrong_shape_are_refused_before_anything_is_sent(driver, method, documents, given, why):
    calls = driver(honest())
    with pytest.raises(errors.InvalidRequest, match=why):
        getattr(calls, method)(documents, **given)
    assert calls.transport.requests == []

"""What is counted of rows and their outcomes."""

import pyarrow as pa

from nlpbatch.client.columns.outcome_counts import OutcomeCounts, count_outcomes
from nlpbatch.wire.arrow import column_type
from nlpbatch.wire.options import Options

TOKENS = column_type("tokens", Options(fields=("form",)))
CANDIDATES = column_type("candidates", Options(fields=("form",), top_n=2))
ERROR = pa.struct([pa.field("code", pa.string()), pa.field("message", pa.string())])


def tokens(*rows):
    return pa.array([None if row is None else [{"form": one} for one in row] for row in rows], TOKENS)


def errors(*codes):
    return pa.array([None if code is None else {"code": code, "message": "…"} for code in codes], ERROR)


def test_rows_without_text_rows_with_an_error_and_tokens_are_counted():
    texts = pa.array(["가나", None, "x", ""])
    found = tokens(["가", "나"], None, None, [])
    counts = count_outcomes([texts], [found], [errors(None, None, "invalid_text", None)], "tokens")
    assert counts == OutcomeCounts(rows=4, dead=1, nulls=1, tokens=2, text_bytes=7, errors={"invalid_text": 1})


def test_a_row_is_counted_by_its_first_error_and_has_no_text_if_no_column_has_one():
    texts = [pa.array([None, None, "a"]), pa.array([None, "b", "c"])]
    found = [tokens(None, None, None), tokens(None, ["b"], None)]
    failed = [errors(None, None, "first"), errors(None, None, "second")]
    counts = count_outcomes(texts, found, failed, "tokens")
    assert (counts.rows, counts.dead, counts.nulls, counts.tokens) == (3, 1, 1, 1)
    assert counts.errors == {"first": 1}


def test_tokens_of_all_elements_and_of_all_candidates_are_counted():
    texts = pa.array([["a", None], None, []], pa.list_(pa.string()))
    found = pa.array([[[{"form": "a"}], None], None, []], pa.list_(TOKENS))
    counts = count_outcomes([texts], [found], [errors(None, None, None)], "tokens")
    assert (counts.tokens, counts.text_bytes, counts.nulls) == (1, 1, 1)
    ranked = pa.array(
        [[{"tokens": [{"form": "a"}], "score": 1.0}, {"tokens": [{"form": "a"}] * 2, "score": 0.5}], None], CANDIDATES
    )
    assert count_outcomes([pa.array(["a", None])], [ranked], [errors(None, None)], "candidates").tokens == 3


def test_rows_that_are_slices_count_only_what_is_theirs():
    texts = pa.array(["가", "나다", None])[1:]
    found = tokens(["가"], ["나", "다"], None)[1:]
    counts = count_outcomes([texts], [found], [errors("x", None, None)[1:]], "tokens")
    assert counts == OutcomeCounts(rows=2, nulls=1, tokens=2, text_bytes=6)


def test_other_answers_have_no_tokens_and_the_texts_of_documents_are_counted():
    documents = pa.array(
        [[{"form": "가", "tag": "NNG"}], None], pa.list_(pa.struct({"form": "string", "tag": "string"}))
    )
    counts = count_outcomes([documents], [pa.array(["가", None])], [errors(None, None)], "text")
    assert (counts.tokens, counts.text_bytes) == (0, 3)


def test_counts_add_up():
    total = OutcomeCounts()
    total.add(OutcomeCounts(rows=1, dead=1, nulls=0, tokens=2, text_bytes=3, errors={"a": 1}))
    total.add(OutcomeCounts(rows=2, dead=1, nulls=1, tokens=1, text_bytes=1, errors={"a": 1}))
    assert total == OutcomeCounts(rows=3, dead=2, nulls=1, tokens=3, text_bytes=4, errors={"a": 2})

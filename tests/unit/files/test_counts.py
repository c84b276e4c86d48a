import pyarrow as pa

from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE
from nlpbatch.client.columns.text_columns import text_columns, with_outcomes
from nlpbatch.files.counts import Counts, Outcomes
from nlpbatch.wire.options import Options


def batch_of(schema, names, rows, asked):
    columns = text_columns(schema, names, asked)
    whole = with_outcomes(schema, columns)
    return Outcomes(whole, columns, asked.columns[0]), pa.RecordBatch.from_pylist(rows, schema=whole)


def error(code):
    return {"code": code, "message": "m", "attempts": 1, "request_id": "r"}


def token(form):
    return {"form": form}


def test_rows_are_counted_by_their_outcome():
    schema = pa.schema([("text", pa.string()), ("_corrupt_record", pa.string())])
    rows = [
        {"text": "가나", "tokens": [token("가"), token("나")]},
        {"text": None},
        {"text": "다", "error": error("worker_died")},
        {"text": None, "_corrupt_record": "x"},
    ]
    outcomes, batch = batch_of(schema, ["text"], rows, Options(fields=("form",)))
    batch = outcomes.with_malformed(batch)
    failed = outcomes.failed(batch)
    assert failed.to_pylist() == [False, False, True, True]
    assert batch.column("error").type == OUTCOME_ERROR_TYPE
    assert outcomes.count(batch) == Counts(
        rows=4, dead=2, nulls=2, tokens=2, text_bytes=9, errors={"worker_died": 1, "malformed_record": 1}
    )
    assert outcomes.failed(batch.slice(0, 2)) is None
    assert outcomes.count(batch.slice(0, 2)) == Counts(rows=2, nulls=1, tokens=2, text_bytes=6)


def test_tokens_of_lists_candidates_and_several_columns_add_up():
    schema = pa.schema([("a", pa.list_(pa.string())), ("b", pa.string())])
    rows = [
        {"a": ["x", None, "y"], "b": "z", "a_tokens": [[token("x")], None, [token("y")]], "b_tokens": [token("z")]},
        {"a": None, "b": None},
        {"a": [], "b": None, "a_error": error("one"), "b_error": error("other")},
    ]
    outcomes, batch = batch_of(schema, ["a", "b"], rows, Options(fields=("form",)))
    assert outcomes.failed(batch).to_pylist() == [False, False, True]
    assert outcomes.count(batch) == Counts(3, 1, 1, 3, 3, {"one": 1})
    candidates = [{"tokens": [token("z")] * 2, "score": 1.0}, {"tokens": [token("z")], "score": 0.0}]
    ranked = [{"b": "z", "candidates": candidates}]
    outcomes, batch = batch_of(pa.schema([("b", pa.string())]), ["b"], ranked, Options(fields=("form",), top_n=2))
    assert outcomes.count(batch).tokens == 3


def test_counts_add_up():
    one = Counts(1, 1, 0, 2, 3, {"b": 1})
    assert one + Counts(2, 1, 1, 0, 0, {"a": 1, "b": 2}) == Counts(3, 2, 1, 2, 3, {"a": 1, "b": 3})

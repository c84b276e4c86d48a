import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import UnexpectedAnswer
from nlpbatch.wire.arrow import (
    REQUEST_SCHEMA,
    answer_schema,
    decode_answer,
    encode_batch_message,
    encode_request,
    fingerprint_of,
    join_answer,
    token_type,
)
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import Options

FIELDS = ("form", "start")
ROWS = [
    {"tokens": [{"form": "가", "start": 0}, {"form": "나", "start": 2}], "error": None},
    {"tokens": [], "error": None},
    {"tokens": None, "error": {"code": "invalid_text", "message": "…"}},
    {"tokens": None, "error": None},
]


def batch(rows, fields=FIELDS):
    return pa.RecordBatch.from_pylist(rows, schema=answer_schema(Options(fields=fields)))


def answer(*batches, fields=FIELDS):
    return join_answer(
        map(encode_batch_message, batches), options=Options(fields=fields), analyzer="default", fingerprint="f1"
    )


@given(st.lists(st.none() | st.text()))
def test_texts_come_out_of_a_request_as_they_went_in(texts):
    with pa.ipc.open_stream(encode_request(pa.array(texts, pa.string()))) as reader:
        table = reader.read_all()
    assert table.schema == REQUEST_SCHEMA
    assert table["text"].to_pylist() == texts


def test_a_slice_costs_only_its_own_bytes():
    whole = pa.array(["가" * 1000] * 100)
    assert len(encode_request(whole.slice(50, 1))) < 5000


def test_a_request_is_not_compressed_so_that_its_bytes_are_an_honest_cost():
    assert len(encode_request(pa.array(["a" * 100_000]))) > 100_000


def test_bytes_that_are_no_utf_8_are_carried_for_the_service_to_judge():
    surrogate = pa.Array.from_buffers(pa.binary(), 1, pa.array([b"\xed\xa0\x80"]).buffers()).view(pa.string())
    with pa.ipc.open_stream(encode_request(surrogate)) as reader:
        assert reader.read_all()["text"].combine_chunks().view(pa.binary()).to_pylist() == [b"\xed\xa0\x80"]


def test_an_answer_of_several_batches_is_one_table_in_order():
    table = decode_answer(answer(batch(ROWS[:1]), batch(ROWS[1:])), documents=4, options=Options(fields=FIELDS))
    assert table.to_pylist() == ROWS
    assert fingerprint_of(table) == "f1"


def test_an_answer_to_no_documents_is_an_empty_table():
    table = decode_answer(answer(), documents=0, options=Options(fields=FIELDS))
    assert table.num_rows == 0
    assert fingerprint_of(table) == "f1"


def test_every_field_can_be_carried():
    fields = tuple(TOKEN_FIELDS)
    values = {"string": "가", "int32": 1, "float32": 0.5, "bool": True}
    rows = [{"tokens": [{field.name: values[field.type] for field in TOKEN_FIELDS.values()}], "error": None}]
    assert (
        decode_answer(
            answer(batch(rows, fields), fields=fields), documents=1, options=Options(fields=fields)
        ).to_pylist()
        == rows
    )


def test_no_column_is_dictionary_encoded_for_spark_takes_none():
    assert not any(pa.types.is_dictionary(field.type) for field in token_type(tuple(TOKEN_FIELDS)))


@pytest.mark.parametrize("documents", [0, 3, 5])
def test_an_answer_with_another_number_of_rows_is_unexpected(documents):
    with pytest.raises(UnexpectedAnswer, match=f"4 outcomes for {documents} documents"):
        decode_answer(answer(batch(ROWS)), documents=documents, options=Options(fields=FIELDS))


@pytest.mark.parametrize("fields", [("form",), ("start", "form"), ("form", "start", "end")])
def test_an_answer_with_other_fields_is_unexpected_even_in_another_order(fields):
    with pytest.raises(UnexpectedAnswer, match="the answer's columns are tokens"):
        decode_answer(answer(batch(ROWS)), documents=4, options=Options(fields=fields))


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"ARROW1\0\0", b"\xff\xff\xff\xff\0\0\0\0", b"\xff" * 100])
def test_an_answer_that_is_no_stream_is_unexpected(body):
    with pytest.raises(UnexpectedAnswer, match="not a complete Arrow stream"):
        decode_answer(body, documents=1, options=Options(fields=FIELDS))


def test_an_answer_cut_anywhere_is_unexpected():
    body = answer(batch(ROWS[:2]), batch(ROWS[2:]))
    for length in range(0, len(body) - 8, 7):
        with pytest.raises(UnexpectedAnswer):
            decode_answer(body[:length], documents=4, options=Options(fields=FIELDS))


def test_a_stream_without_a_fingerprint_says_so():
    table = pa.Table.from_batches([batch(ROWS)])
    assert fingerprint_of(table) == ""

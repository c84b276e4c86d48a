"""Documents that are lists: cut, sent and put together without comparing them."""

import pyarrow as pa
import pytest

from nlpbatch.client.columns.blocks import Cut, cut_batch, join_block
from nlpbatch.client.columns.list_documents import document_bytes, sendable
from nlpbatch.client.columns.outcome_schema import outcome_schema
from nlpbatch.wire.options import Options

TOKEN = pa.struct([("tag", pa.string()), ("form", pa.string()), ("start", pa.int32()), ("end", pa.int32())])


def token(form, start, end):
    return {"form": form, "tag": "NNG", "start": start, "end": end}


ROWS = [[token("가", 0, 1), token("나", 1, 2), token("다", 3, 4)], None, [], [token("라", 0, 1)]]


@pytest.mark.parametrize("start", [0, 1, 3])
def test_tokens_are_sent_as_form_and_tag_with_the_blanks_between_them(start):
    column = pa.array(ROWS, pa.list_(TOKEN)).slice(start)
    plain = [
        None if row is None else [(one["form"], one["tag"], one["space"]) for one in row]
        for row in sendable("join", column).to_pylist()
    ]
    expected = [[("가", "NNG", None), ("나", "NNG", False), ("다", "NNG", True)], None, [], [("라", "NNG", None)]]
    assert plain == expected[start:]


def test_tokens_without_positions_have_no_blanks():
    kind = pa.list_(pa.struct([("form", pa.string()), ("tag", pa.string())]))
    sent = sendable("join", pa.array([[{"form": "가", "tag": "NNG"}]], kind))
    assert sent.to_pylist() == [[{"form": "가", "tag": "NNG"}]]


def test_a_document_has_the_bytes_that_the_service_counts():
    assert document_bytes("join", sendable("join", pa.array(ROWS, pa.list_(TOKEN)))) == [33, 0, 0, 11]
    assert document_bytes("glue", pa.array([["가", "나다"], None, [""]])) == [13, 0, 2]


def test_each_row_gets_its_own_answer_and_null_stays_null():
    rows = [["가", "나"], None, ["x" * 50], ["가", "나"], []]
    batch = pa.record_batch([pa.array(range(5)), pa.array(rows, pa.list_(pa.string()))], ["id", "chunks"])
    options = Options("glue")
    joined = []
    cut = Cut(block_bytes=20, request_bytes=10, request_documents=2, text_bytes=40)
    for block in cut_batch(batch, 1, cut, "glue"):
        answers = []
        for request in block.requests:
            texts = [
                None if row is None else {"text": "".join(row), "error": None}
                for row in block.texts(request).to_pylist()
            ]
            found = [one or {"text": None, "error": None} for one in texts]
            answers.append(pa.Table.from_pylist(found, schema=outcome_schema(options)))
        joined += join_block(block, answers, cut, options).rename_columns(["id", "chunks", "text", "error"]).to_pylist()
    assert [row["text"] for row in joined] == ["가나", None, None, "가나", ""]
    assert [row["error"] and row["error"]["code"] for row in joined] == [None, None, "text_too_large", None, None]

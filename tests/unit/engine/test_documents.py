import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.documents import cut, from_stream, from_texts
from nlpbatch.errors import InvalidRequest


def stream(*columns: pa.Array, names: tuple[str, ...] = ("text",)) -> bytes:
    batch = pa.record_batch(list(columns), names=list(names))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


TEXTS = ["아버지가", None, "", "a" * 40]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TEXTS, pa.string()),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS, pa.string()).dictionary_encode(),
        pa.array(["before", *TEXTS, "after"], pa.string()).slice(1, 4),
    ],
    ids=["string", "large_string", "string_view", "dictionary", "sliced"],
)
def test_every_kind_of_string_column_gives_the_same_documents(column: pa.Array) -> None:
    documents = from_stream(stream(column))
    assert documents.type == pa.binary()
    assert documents.to_pylist() == [None if text is None else text.encode() for text in TEXTS]


def test_a_stream_without_rows_has_no_documents() -> None:
    assert len(from_stream(stream(pa.array([], pa.string())))) == 0


def test_bytes_that_are_not_utf8_are_carried_as_they_are() -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    assert from_stream(stream(broken)).to_pylist() == [b"\xff\xfe"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not a complete Arrow IPC stream"),
        (b"{}", "not a complete Arrow IPC stream"),
        (stream(pa.array(["x"]))[:-40], "not a complete Arrow IPC stream"),
        (stream(pa.array([1, 2])), "column text is int64: send string"),
        (stream(pa.array(["x"]), names=("review",)), "the columns are review: send one column"),
        (stream(pa.array(["x"]), pa.array(["y"]), names=("text", "more")), "the columns are text, more"),
    ],
)
def test_what_is_not_one_string_column_is_refused_with_the_reason(body: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        from_stream(body)


def test_a_lone_surrogate_keeps_its_bytes() -> None:
    assert from_texts(["\ud83d x", None]).to_pylist() == [b"\xed\xa0\xbd x", None]


@given(st.lists(st.none() | st.text(max_size=30), max_size=60), st.integers(1, 80), st.integers(1, 20))
def test_pieces_hold_all_documents_in_order_within_their_bounds(
    texts: list[str | None], piece_bytes: int, piece_documents: int
) -> None:
    documents = from_texts(texts)
    pieces = cut(documents, piece_bytes=piece_bytes, piece_documents=piece_documents, text_bytes=1000)
    assert [value for piece in pieces for value in piece.documents.to_pylist()] == documents.to_pylist()
    for piece in pieces:
        assert 1 <= len(piece.documents) <= piece_documents
        assert piece.size_bytes <= piece_bytes or len(piece.documents) == 1


def test_a_document_over_the_limit_gets_its_error_and_is_carried_no_further() -> None:
    pieces = cut(from_texts(["ab", "abc", None]), piece_bytes=100, piece_documents=10, text_bytes=2)
    (piece,) = pieces
    assert piece.documents.to_pylist() == [b"ab", None, None]
    assert list(piece.failed) == [1]
    assert piece.failed[1].code == "text_too_large"
    assert "3 bytes" in piece.failed[1].message
    assert "the limit is 2" in piece.failed[1].message

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.chunks import cut
from nlpbatch.engine.documents import from_texts


@given(st.lists(st.none() | st.text(max_size=30), max_size=60), st.integers(1, 80), st.integers(1, 20))
def test_chunks_hold_all_documents_in_order_within_their_bounds(
    texts: list[str | None], chunk_bytes: int, chunk_documents: int
) -> None:
    documents = from_texts(texts)
    chunks = cut(documents, chunk_bytes=chunk_bytes, chunk_documents=chunk_documents, text_bytes=1000)
    assert [value for chunk in chunks for value in chunk.documents.to_pylist()] == documents.to_pylist()
    for chunk in chunks:
        assert 1 <= len(chunk.documents) <= chunk_documents
        assert chunk.size_bytes <= chunk_bytes or len(chunk.documents) == 1


def test_a_document_over_the_limit_gets_its_error_and_is_carried_no_further() -> None:
    chunks = cut(from_texts(["ab", "abc", None]), chunk_bytes=100, chunk_documents=10, text_bytes=2)
    (chunk,) = chunks
    assert chunk.documents.to_pylist() == [b"ab", None, None]
    assert list(chunk.failed) == [1]
    assert chunk.failed[1].code == "text_too_large"
    assert "3 bytes" in chunk.failed[1].message
    assert "the limit is 2" in chunk.failed[1].message

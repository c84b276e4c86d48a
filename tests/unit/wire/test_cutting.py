import itertools

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.wire.cutting import cut_by_bytes

lengths_lists = st.lists(st.integers(0, 200))


@given(lengths_lists, st.integers(1, 300), st.integers(1, 10))
def test_parts_cover_everything_in_order_and_none_is_empty(lengths, most_bytes, most_documents):
    parts = list(cut_by_bytes(lengths, most_bytes=most_bytes, most_documents=most_documents))
    assert [position for start, end in parts for position in range(start, end)] == list(range(len(lengths)))
    assert all(start < end for start, end in parts)


@given(lengths_lists, st.integers(1, 300), st.integers(1, 10))
def test_a_part_is_over_a_bound_only_where_one_document_is(lengths, most_bytes, most_documents):
    for start, end in cut_by_bytes(lengths, most_bytes=most_bytes, most_documents=most_documents):
        assert end - start <= most_documents
        assert sum(lengths[start:end]) <= most_bytes or end - start == 1


@given(lengths_lists, st.integers(1, 300), st.integers(1, 10))
def test_no_part_could_have_taken_the_next_document_too(lengths, most_bytes, most_documents):
    parts = list(cut_by_bytes(lengths, most_bytes=most_bytes, most_documents=most_documents))
    for (start, end), _ in itertools.pairwise(parts):
        assert sum(lengths[start : end + 1]) > most_bytes or end - start == most_documents

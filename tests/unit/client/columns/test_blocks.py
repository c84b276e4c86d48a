import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.client.columns.blocks import Cut, cut_batch, join_block
from nlpbatch.client.columns.outcome_schema import outcome_schema
from nlpbatch.wire.limits import KIB, MIB, SizeLimits
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import text_too_large

ASKED = Options(fields=("form", "start"))
COLUMNS = ["id", "text", "tokens", "error"]
WIDE = Cut(block_bytes=10_000, request_bytes=1000, request_documents=100, text_bytes=1000)

texts_lists = st.lists(st.none() | st.text(max_size=12) | st.sampled_from(["가", "나다", "같은 글", ""]), max_size=40)
cuts = st.builds(
    Cut,
    block_bytes=st.integers(1, 200),
    request_bytes=st.integers(1, 40),
    request_documents=st.integers(1, 8),
    text_bytes=st.integers(1, 30),
)


def batch_of(texts, type_=None):
    return pa.record_batch(
        [pa.array(range(len(texts)), pa.int64()), pa.array(texts, type_ or pa.string())], ["id", "text"]
    )


def tokens_of(text):
    """Tokens that identify their text."""
    return [{"form": text, "start": len(text)}, {"form": text[::-1], "start": 0}]


def answer(texts):
    """What the service answers: tokens, null for null."""
    rows = [{"tokens": None if text is None else tokens_of(text), "error": None} for text in texts.to_pylist()]
    return pa.Table.from_pylist(rows, schema=outcome_schema(ASKED))


def rows_of(joined):
    """The rows of a result under the names that its columns have outside."""
    return joined.rename_columns(COLUMNS).to_pylist()


def analysed(batch, cut):
    """Rows of the result, in order, for a whole batch."""
    rows = []
    for block in cut_batch(batch, 1, cut):
        answers = [answer(block.texts(request)) for request in block.requests]
        rows += rows_of(join_block(block, answers, cut, ASKED))
    return rows


def expected(texts, cut):
    for position, text in enumerate(texts):
        size_bytes = len((text or "").encode())
        error = text_too_large(size_bytes, cut.text_bytes) if size_bytes > cut.text_bytes else None
        yield {
            "id": position,
            "text": text,
            "tokens": None if text is None or error else tokens_of(text),
            "error": error and {"code": error.code, "message": error.message, "attempts": 0, "request_id": None},
        }


@given(texts=texts_lists, cut=cuts)
def test_every_row_gets_the_answer_to_its_own_text_in_row_order(texts, cut):
    assert analysed(batch_of(texts), cut) == list(expected(texts, cut))


@given(texts=texts_lists, cut=cuts)
def test_in_a_block_no_text_is_sent_twice_and_no_null_at_all(texts, cut):
    for block in cut_batch(batch_of(texts), 1, cut):
        sent = [text for request in block.requests for text in block.texts(request).to_pylist()]
        # The only null in a request is a text that was too large to send.
        assert sent.count(None) == len(block.too_large)
        whole = [text for text in sent if text is not None]
        assert sorted(whole) == sorted(set(whole))
        rows = block.rows.column(1).to_pylist()
        assert set(whole) == {text for text in rows if text is not None and len(text.encode()) <= cut.text_bytes}


@given(texts=texts_lists, cut=cuts)
def test_requests_stay_within_bytes_and_count_unless_one_text_is_larger(texts, cut):
    for block in cut_batch(batch_of(texts), 1, cut):
        for request in block.requests:
            sizes = [len((text or "").encode()) for text in block.texts(request).to_pylist()]
            assert 1 <= len(sizes) <= cut.request_documents
            assert sum(sizes) <= cut.request_bytes or len(sizes) == 1


@given(texts=texts_lists, cut=cuts, data=st.data())
def test_a_slice_of_a_batch_is_analysed_like_a_batch_of_its_own(texts, cut, data):
    start = data.draw(st.integers(0, len(texts)))
    length = data.draw(st.integers(0, len(texts) - start))
    rows = analysed(batch_of(texts).slice(start, length), cut)
    assert [(row["text"], row["tokens"]) for row in rows] == [
        (row["text"], row["tokens"]) for row in expected(texts[start : start + length], cut)
    ]
    assert [row["id"] for row in rows] == list(range(start, start + length))


def test_a_large_string_column_is_analysed_and_keeps_its_type():
    batch = batch_of(["가", None, "가"], pa.large_string())
    (block,) = cut_batch(batch, 1, WIDE)
    assert block.texts(block.requests[0]).type == pa.string()
    joined = join_block(block, [answer(pa.array(["가"]))], WIDE, ASKED)
    assert joined.schema.field(1).type == pa.large_string()
    assert [row["tokens"] for row in rows_of(joined)] == [tokens_of("가"), None, tokens_of("가")]


def test_a_batch_without_rows_gives_no_block():
    assert list(cut_batch(batch_of([]), 1, WIDE)) == []


def test_a_batch_of_nulls_needs_no_request():
    (block,) = cut_batch(batch_of([None, None, None]), 1, WIDE)
    assert block.requests == ()
    joined = join_block(block, [], WIDE, ASKED)
    assert [column.null_count for column in joined.columns] == [0, 3, 3, 3]


def test_an_over_long_text_is_not_sent_and_says_value_bound_and_remedy():
    cut = Cut(block_bytes=10_000, request_bytes=1000, request_documents=100, text_bytes=10)
    (block,) = cut_batch(batch_of(["짧다", "가" * 4]), 1, cut)
    assert block.texts(block.requests[0]).to_pylist() == ["짧다", None]
    rows = rows_of(join_block(block, [answer(block.texts(block.requests[0]))], cut, ASKED))
    assert rows[0]["error"] is None
    assert rows[1]["tokens"] is None
    assert rows[1]["error"] == {
        "code": "text_too_large",
        "message": "the text has 12 bytes, the limit is 10: split it, or raise limits.text_bytes of the service",
        "attempts": 0,
        "request_id": None,
    }


def test_a_long_run_is_cut_into_blocks_that_bound_what_a_task_holds():
    cut = Cut(block_bytes=10, request_bytes=10, request_documents=100, text_bytes=1000)
    parts = list(cut_batch(batch_of(["abcd", "efgh", "ijkl", "x" * 25, None]), 1, cut))
    assert [part.rows.num_rows for part in parts] == [2, 1, 1, 1]


def test_the_added_columns_have_the_declared_types_even_without_rows():
    (block,) = cut_batch(batch_of([None]), 1, WIDE)
    joined = join_block(block, [], WIDE, ASKED)
    assert joined.schema.types[2:] == outcome_schema(ASKED).types


def test_columns_with_the_same_name_both_stay_under_names_that_differ():
    batch = pa.record_batch([pa.array([1]), pa.array(["가"]), pa.array([2])], ["n", "text", "n"])
    (block,) = cut_batch(batch, 1, WIDE)
    joined = join_block(block, [answer(pa.array(["가"]))], WIDE, ASKED)
    assert [column.to_pylist() for column in joined.columns[:3]] == [[1], ["가"], [2]]
    assert len(set(joined.schema.names)) == 5


def test_bytes_that_are_not_utf8_pass_through_untouched():
    """Spark's strings may hold them; the service gives such a document its own error."""
    raw = pa.array([b"\xed\xa0\x80", "가".encode()], pa.binary())
    column = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    batch = pa.record_batch([pa.array([0, 1], pa.int64()), column], ["id", "text"])
    (block,) = cut_batch(batch, 1, WIDE)
    assert block.texts(block.requests[0]).cast(pa.binary()).to_pylist() == [b"\xed\xa0\x80", "가".encode()]


array_lists = st.lists(
    st.none() | st.lists(st.none() | st.sampled_from(["", "가", "나다", "라마바사"]), max_size=4), max_size=12
)


@given(arrays=array_lists, cut=cuts, skipped=st.integers(0, 3))
def test_every_element_of_an_array_gets_its_own_answer_and_a_row_its_first_error(arrays, cut, skipped):
    whole = pa.record_batch(
        {"id": pa.array(range(len(arrays)), pa.int64()), "texts": pa.array(arrays, pa.list_(pa.string()))}
    )
    batch = whole.slice(min(skipped, len(arrays)))
    rows = analysed(batch, cut)
    assert [row["text"] for row in rows] == arrays[skipped:]
    for row, texts in zip(rows, arrays[skipped:], strict=True):
        if texts is None:
            assert (row["tokens"], row["error"]) == (None, None)
            continue
        outcomes = list(expected(texts, cut))
        assert row["tokens"] == [outcome["tokens"] for outcome in outcomes]
        assert row["error"] == next((outcome["error"] for outcome in outcomes if outcome["error"]), None)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_any_type_of_string_is_sent_as_a_string_and_rows_keep_their_own(kind):
    batch = batch_of(["가", None, "나", "가"], pa.string())
    column = batch.column(1).dictionary_encode() if pa.types.is_dictionary(kind) else batch.column(1).cast(kind)
    batch = batch.set_column(1, "text", column)
    (block,) = cut_batch(batch, 1, WIDE)
    assert block.texts(block.requests[0]).to_pylist() == ["가", "나"]
    assert block.distinct.type == pa.string()
    assert block.rows.column(1).type == column.type


@pytest.mark.parametrize("kind", [pa.large_list(pa.large_string()), pa.list_(pa.string(), 2)])
def test_any_type_of_list_is_sent_as_texts(kind):
    batch = batch_of([["가", None], ["나", "가"]], kind)
    (block,) = cut_batch(batch, 1, WIDE)
    assert block.texts(block.requests[0]).to_pylist() == ["가", "나"]
    assert block.offsets.to_pylist() == [0, 2, 4]


def test_requests_fit_into_what_the_service_takes():
    cut = Cut.within(SizeLimits(body_bytes=100 * KIB, documents=50, text_bytes=7), 64 * KIB)
    assert cut == Cut(block_bytes=8 * 36 * KIB, request_bytes=36 * KIB, request_documents=50, text_bytes=7)
    assert Cut.within(SizeLimits(), MIB).block_bytes == 4 * MIB

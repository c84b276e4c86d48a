import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpbatch.engine.documents import from_stream, from_texts
from nlpbatch.errors import InvalidRequest


def stream(*columns: pa.Array, names: tuple[str, ...] = ("text",)) -> bytes:
    batch = pa.record_batch(list(columns), names=list(names))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def join(batches: list[pa.RecordBatch], schema: pa.Schema, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
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


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_a_stream_without_rows_has_no_documents(kind: pa.DataType) -> None:
    assert from_stream(stream(pa.array([], kind))) == pa.array([], pa.binary())


def test_a_stream_without_batches_has_no_documents() -> None:
    assert from_stream(join([], pa.schema([("text", pa.string())]))) == pa.array([], pa.binary())


def test_several_batches_are_one_run_of_documents() -> None:
    batches = [pa.record_batch([pa.array(texts)], names=["text"]) for texts in (["a", None], ["b"])]
    assert from_stream(join(batches, batches[0].schema)).to_pylist() == [b"a", None, b"b"]


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
        (stream(pa.array(["x"])).replace(b"text", b"\xff\xff\xff\xff"), "not a complete Arrow IPC stream"),
        (stream(pa.nulls(2)), "column text is null: send string"),
        (stream(pa.array([1, 2]).dictionary_encode()), "column text is dictionary"),
        (stream(pa.array([1, 2])), "column text is int64: send string"),
        (stream(pa.array(["x"]), names=("review",)), "the columns are review: send one column"),
        (stream(pa.array(["x"]), pa.array(["y"]), names=("text", "more")), "the columns are text, more"),
    ],
)
def test_what_is_not_one_string_column_is_refused_with_the_reason(body: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        from_stream(body)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_a_text_that_is_not_utf8_is_no_fault_of_the_stream_whatever_its_column(kind: pa.DataType) -> None:
    broken = pa.array([b"\xff" * 20], pa.binary()).view(pa.string())
    if pa.types.is_dictionary(kind):
        column = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int8()), broken)
    else:
        wide = pa.large_binary() if kind == pa.large_string() else pa.binary_view()
        column = broken.view(pa.binary()).cast(wide).view(kind)
    assert set(from_stream(stream(column)).to_pylist()) == {b"\xff" * 20}


def out_of_range(kind: pa.DataType) -> bytes:
    """Return a stream whose second text points far outside of its data."""
    if pa.types.is_dictionary(kind):
        codes = pa.array([0, 90], pa.int8())
        return stream(pa.DictionaryArray.from_arrays(codes, pa.array(["a", "b"]), safe=False))
    body = bytearray(stream(pa.array(["a" * 20, "b" * 30, "c" * 20], kind)))
    if kind == pa.string_view():
        view = body.index((30).to_bytes(4, "little") + b"bbbb")
        body[view + 12 : view + 16] = (1 << 30).to_bytes(4, "little")
    else:
        width = 4 if kind == pa.string() else 8
        offset = body.index((20).to_bytes(width, "little") + (50).to_bytes(width, "little"))
        body[offset : offset + width] = (1 << 30).to_bytes(width, "little")
    return bytes(body)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_a_text_that_points_outside_its_data_is_refused_and_not_followed(kind: pa.DataType) -> None:
    with pytest.raises(InvalidRequest, match="points outside its data: the Arrow stream is damaged"):
        from_stream(out_of_range(kind))


def test_the_indices_of_every_batch_are_checked_against_its_own_dictionary() -> None:
    sound = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a", "b"]))
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, 2], pa.int8()), pa.array(["c", "d"]), safe=False)
    batches = [pa.record_batch([column], names=["text"]) for column in (sound, wrong)]
    with pytest.raises(InvalidRequest, match="points outside its data"):
        from_stream(join(batches, batches[0].schema))


def test_a_null_view_is_not_followed_whatever_its_bytes() -> None:
    body = bytearray(stream(pa.array(["a" * 20, None, "b"], pa.string_view())))
    view = body.index((20).to_bytes(4, "little") + b"aaaa")
    body[view + 16 : view + 32] = b"\x7f" * 16
    assert from_stream(bytes(body)).to_pylist() == [b"a" * 20, None, b"b"]


LONG = "a" * 5000
VIEW = struct.pack("=i4sii", len(LONG), b"aaaa", 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        stream(pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int8()), pa.array([LONG]))),
        stream(
            pa.Array.from_buffers(pa.string_view(), 100, [None, pa.py_buffer(VIEW * 100), pa.py_buffer(LONG.encode())])
        ),
        join(
            [pa.record_batch([pa.array([LONG] * 100)], names=["text"])],
            pa.schema([("text", pa.string())]),
            compression="lz4",
        ),
    ],
    ids=["dictionary", "views", "compression"],
)
def test_a_body_may_not_hold_more_text_than_it_has_bytes(body: bytes) -> None:
    """Its size is what the request costs its caller."""
    assert len(body) < 100 * len(LONG)
    with pytest.raises(InvalidRequest, match="send plain strings, uncompressed"):
        from_stream(body)


def test_what_several_batches_hold_is_added_up() -> None:
    words = pa.array(["a" * 900])
    batch = pa.record_batch([pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), words)], names=["text"])
    body = join([batch] * 100, batch.schema)
    assert len(body) < 100 * 900
    with pytest.raises(InvalidRequest, match="send plain strings"):
        from_stream(body)


SOUND = [
    stream(pa.array(TEXTS, pa.string())),
    stream(pa.array(TEXTS, pa.large_string())),
    stream(pa.array(TEXTS, pa.string_view())),
    stream(pa.array(TEXTS).dictionary_encode()),
    join(
        [pa.record_batch([pa.array(["a" * 200])], names=["text"])] * 2,
        pa.schema([("text", pa.string())]),
        compression="zstd",
    ),
]


@settings(max_examples=1000)
@given(st.sampled_from(SOUND), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_stream_is_refused_or_read(body: bytes, damage: list[tuple[int, int]]) -> None:
    """A crash would take the whole service with it, not a worker: this is read where requests arrive."""
    damaged = bytearray(body)
    for position, value in damage:
        damaged[position % len(damaged)] = value
    try:
        documents = from_stream(bytes(damaged))
    except InvalidRequest:
        return
    assert all(text is None or isinstance(text, bytes) for text in documents.to_pylist())


@given(st.lists(st.none() | st.text(st.characters(codec=None, exclude_categories=()), max_size=10)))
def test_texts_come_out_of_json_as_they_went_in_lone_surrogates_too(texts: list[str | None]) -> None:
    decoded = [
        None if text is None else text.decode("utf-8", "surrogatepass") for text in from_texts(texts).to_pylist()
    ]
    assert decoded == texts


def test_a_lone_surrogate_keeps_its_bytes() -> None:
    assert from_texts(["\ud83d x", None]).to_pylist() == [b"\xed\xa0\xbd x", None]

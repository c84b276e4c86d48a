"""The documents of a request as the pool carries them: `binary[documents]`, null where a document is null.

A text is its bytes, anything else is packed (see `engine.packing`). Binary rather than string, because what a caller
sent may not be UTF-8 (lone surrogates in JSON, bytes in a Parquet string column). Only the worker decodes, so that such
a text fails its document and no other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.engine.columns import pack_lists, read_extra
from nlpbatch.engine.packing import PART_END, encode_text, pack_chunks, pack_extra, pack_morphemes, unpack_extra
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.arrow import DOCUMENT_COLUMNS, document_type
from nlpbatch.wire.documents import check_documents
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation

DOCUMENTS_SCHEMA = pa.schema([pa.field("document", pa.binary())])
_BINARY_BY_TEXT_TYPE = {
    pa.string(): pa.binary(),
    pa.large_string(): pa.large_binary(),
    pa.string_view(): pa.binary_view(),
}


def from_texts(texts: Sequence[str | None]) -> pa.Array:
    """Return texts as documents; lone surrogates keep their (invalid) bytes."""
    return from_json("analyze", texts)


def from_json(operation: Operation, documents: Sequence[Any], extra: Sequence[Any] | None = None) -> pa.Array:
    """Return the documents of a JSON request, with the extra member of each; see `wire.documents`."""
    pack = _PACK[DOCUMENT_MEMBERS[operation][0]]
    packed = [None if document is None else pack(document) for document in documents]
    return pa.array(packed if extra is None else _with_extra(packed, extra), pa.binary())


def from_stream(body: bytes, operation: Operation = "analyze") -> pa.Array:
    """Return the documents of an Arrow request.

    Raises:
        InvalidRequest: Not a complete Arrow stream, not the columns of the operation, or more text than the body has
            bytes: a request's cost is its body's size, and neither compression nor a dictionary may hide it.

    """
    name, *further = DOCUMENT_COLUMNS[operation]
    try:
        return _from_table(operation, _read_table(body, name, further), len(body))
    except UnicodeDecodeError as error:  # the name of a column or of a field within it
        raise _damaged(name) from error


def _from_table(operation: Operation, table: pa.Table, room_bytes: int) -> pa.Array:
    name, *further = DOCUMENT_COLUMNS[operation]
    chunks = []
    for chunk in table.column(0).chunks:
        chunks.append(_to_binary(chunk, room_bytes) if name == "text" else _packed(name, chunk, room_bytes))
        room_bytes -= size_bytes_of(chunks[-1])
    documents = pa.chunked_array(chunks, pa.binary()).combine_chunks()
    if table.num_columns == 1:
        return documents
    extra = [row for chunk in table.column(1).chunks for row in _extra(further[0], chunk)]
    check_documents(operation, {DOCUMENT_MEMBERS[operation][0]: [None] * len(extra), further[0]: extra})
    return pa.array(_with_extra(documents.to_pylist(), extra), pa.binary())


def _with_extra(packed: Sequence[bytes | None], extra: Sequence[Any]) -> list[bytes | None]:
    pairs = zip(packed, extra, strict=True)
    return [one if one is None or not belonging else pack_extra(one, belonging) for one, belonging in pairs]


_PACK: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "texts": encode_text,
    "morphemes": pack_morphemes,
    "chunks": pack_chunks,
}


def _read_table(body: bytes, name: str, further: Sequence[str]) -> pa.Table:
    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            table = reader.read_all()
        table.validate()
        names = table.schema.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"the body of {len(body):,} bytes is not a complete Arrow IPC stream: send one with a column "
            f"{name}: {document_type(name)}"
        ) from error
    if names not in ([name], [name, *further]):
        found = ", ".join(names)[:200] or "none"
        more = "".join(f"; beside it {extra} may be sent" for extra in further)
        raise InvalidRequest(
            f"the columns are {found}: send one column, {name}: {document_type(name)}{more}", path=name
        )
    type_ = table.column(0).type
    if name == "text" and (type_.value_type if pa.types.is_dictionary(type_) else type_) not in _BINARY_BY_TEXT_TYPE:
        raise InvalidRequest(f"column text is {type_}: send string", path="text")
    return table


def _packed(name: str, chunk: pa.Array, room_bytes: int) -> pa.Array:
    try:
        documents = pack_lists(name, chunk)
    except pa.ArrowException as error:
        raise _damaged(name) from error
    _check_room(size_bytes_of(documents), room_bytes)
    return documents


def _extra(name: str, chunk: pa.Array) -> list[Any]:
    try:
        return read_extra(name, chunk)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(name) from error


def _damaged(name: str) -> InvalidRequest:
    return InvalidRequest(f"column {name} points outside its data: the Arrow stream is damaged", path=name)


def _to_binary(chunk: pa.Array, room_bytes: int) -> pa.Array:
    """Return the chunk as plain binary; all offsets, indices and views are checked before they are used."""
    try:
        if not pa.types.is_dictionary(chunk.type):
            return _plain(chunk, room_bytes)
        words = _plain(chunk.dictionary, room_bytes)
        coded = pa.DictionaryArray.from_arrays(chunk.indices, words)  # checks the indices
        _check_room(pc.sum(pc.binary_length(words).take(chunk.indices)).as_py() or 0, room_bytes)
        return coded.dictionary_decode()
    except pa.ArrowException as error:
        raise _damaged("text") from error


def _plain(texts: pa.Array, room_bytes: int) -> pa.Array:
    # As binary, which shares the memory: a text that is not UTF-8 is its document's fault, not the stream's.
    binary = texts.view(_BINARY_BY_TEXT_TYPE[texts.type])
    binary.validate(full=True)
    if binary.type == pa.binary_view():
        return _follow_views(binary, room_bytes)
    _check_room(size_bytes_of(binary), room_bytes)
    return binary.cast(pa.binary())


def _follow_views(views: pa.Array, room_bytes: int) -> pa.Array:
    """Return the values of views; Arrow's own cast crashes on the views of nulls, which may point anywhere."""
    texts: list[bytes | None] = []
    size_bytes = 0
    for view in views:
        text = view.as_py()
        size_bytes += len(text or b"")
        _check_room(size_bytes, room_bytes)
        texts.append(text)
    return pa.array(texts, pa.binary())


def _check_room(size_bytes: int, room_bytes: int) -> None:
    if size_bytes > room_bytes:
        raise InvalidRequest(
            f"the texts have {size_bytes:,} bytes or more, the stream had {room_bytes:,} for them: "
            "send plain strings, uncompressed, so that a request's size is its cost",
            path="text",
        )


def size_bytes_of(documents: pa.Array) -> int:
    """Return the bytes of all documents of `documents: binary[n]`; a null has none."""
    return int(pc.sum(pc.binary_length(documents)).as_py() or 0)


def have_spans(documents: pa.Array) -> bool:
    """Return whether one of the documents of `analyze` has spans, see `engine.packing`."""
    marked = pc.filter(documents, pc.starts_with(documents, PART_END))
    return any(unpack_extra(document.as_py())[1] for document in marked)

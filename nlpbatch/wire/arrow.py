"""Arrow schemas of requests and answers, and the IPC streams that carry them.

Request: a column of documents, uncompressed, so that the body's bytes are an honest cost: `text: string`; of join
`morphemes: list<struct<form, tag>>`, of glue `chunks: list<string>`. A second one has their extra members.
Answer: a column for each thing that the operation answers, such as `tokens: list<struct<field…>>`, and `error:
struct<code, message>`; one row per document in the order of the request, lz4 inside the stream. All are null for a null
document; for any other either the error is, or the others are. Plain strings throughout: Spark's mapInArrow takes no
dictionary-encoded columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pyarrow as pa

from nlpbatch.errors import InternalError, UnexpectedAnswer
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation, Options

_DOCUMENT_TYPES = {
    "text": pa.string(),
    "pretokenized": pa.list_(
        pa.struct(
            [
                pa.field("start", pa.int32()),
                pa.field("end", pa.int32()),
                pa.field("tag", pa.string()),
                pa.field(
                    "tokens",
                    pa.list_(
                        pa.struct(
                            [
                                pa.field("form", pa.string()),
                                pa.field("tag", pa.string()),
                                pa.field("start", pa.int32()),
                                pa.field("end", pa.int32()),
                            ]
                        )
                    ),
                ),
            ]
        )
    ),
    "morphemes": pa.list_(
        pa.struct([pa.field("form", pa.string()), pa.field("tag", pa.string()), pa.field("space", pa.bool_())])
    ),
    "chunks": pa.list_(pa.string()),
    "insert_new_lines": pa.list_(pa.bool_()),
}
"""Types of the columns that carry documents. `space` of a morpheme may be left out of the struct."""
DOCUMENT_COLUMNS: Mapping[Operation, tuple[str, ...]] = MappingProxyType(
    {
        operation: ("text" if member == "texts" else member, *more)
        for operation, (member, *more) in DOCUMENT_MEMBERS.items()
    }
)
"""The columns of a request: its documents, and the extra member of each if it is given."""
REQUEST_SCHEMA = pa.schema([pa.field("text", pa.string())])
"""Schema of a request with texts alone."""
_SPAN = [pa.field("start", pa.int32()), pa.field("end", pa.int32())]
_SPAN_TYPE = pa.struct(_SPAN)
ERROR_TYPE = pa.struct([pa.field("code", pa.string()), pa.field("message", pa.string())])

_ARROW_TYPES = {"string": pa.string(), "int32": pa.int32(), "float32": pa.float32(), "bool": pa.bool_()}
_PLAIN_TYPES = {
    "text": pa.string(),
    "positions": pa.list_(_SPAN_TYPE),
    "space_insertions": pa.list_(pa.bool_()),
}
_FINGERPRINT_KEY = b"nlpbatch.fingerprint"
_ANALYZER_KEY = b"nlpbatch.analyzer"
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"  # continuation marker, then a message of length 0


def token_type(fields: Sequence[str]) -> pa.DataType:
    """Return the struct type of a token with these fields, in this order."""
    return pa.struct([pa.field(name, _ARROW_TYPES[TOKEN_FIELDS[name].type]) for name in fields])


def column_type(name: str, options: Options) -> pa.DataType:
    """Return the type of an answer's column of this name; see `Options.columns`."""
    if name in _PLAIN_TYPES:
        return _PLAIN_TYPES[name]
    if name == "result":
        if options.result_type is None:
            raise InternalError("the type of a result isn't known here: report it")
        return options.result_type
    if name == "sentences":
        return pa.list_(sentence_type(options))
    tokens = pa.list_(token_type(options.fields))
    if name == "tokens":
        return tokens
    return pa.list_(pa.struct([pa.field("tokens", tokens), pa.field("score", pa.float32())]))


def sentence_type(options: Options) -> pa.DataType:
    """Return the struct type of a sentence: where it is; in `sentences` its text, too, and its tokens if requested."""
    if options.operation != "sentences":
        return _SPAN_TYPE
    tokens = [pa.field("tokens", pa.list_(token_type(options.fields)))] if options.return_tokens else []
    return pa.struct([*_SPAN, pa.field("text", pa.string()), *tokens])


def answer_schema(options: Options) -> pa.Schema:
    """Return the schema of an answer to these options."""
    columns = [pa.field(name, column_type(name, options)) for name in options.columns]
    return pa.schema([*columns, pa.field("error", ERROR_TYPE)])


def document_type(column: str) -> pa.DataType:
    """Return the type of a column of `DOCUMENT_COLUMNS`."""
    return _DOCUMENT_TYPES[column]


def encode_request(documents: pa.Array, operation: Operation = "analyze", extra: pa.Array | None = None) -> bytes:
    """Return the IPC stream of a request.

    Args:
        documents: Of the type that the operation's first column has.
        operation: The operation.
        extra: The extra member of each document, `pretokenized` or `insert_new_lines`; None sends none.

    """
    columns = [documents] if extra is None else [documents, extra]
    batch = pa.record_batch(columns, names=list(DOCUMENT_COLUMNS[operation][: len(columns)]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def encode_batch_message(batch: pa.RecordBatch) -> bytes:
    """Return one lz4-compressed IPC message without its schema; `join_answer` makes a stream of several."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    writer = pa.ipc.new_stream(sink, batch.schema, options=options)
    writer.write_batch(batch)
    # The stream isn't closed, so it is the schema and then the batch, without an end marker.
    return bytes(sink.getvalue()[batch.schema.serialize().size :])


def join_answer(messages: Iterable[bytes], *, options: Options, analyzer: str, fingerprint: str) -> bytes:
    """Return the IPC stream of an answer from batch messages in row order."""
    metadata = {_ANALYZER_KEY: analyzer.encode(), _FINGERPRINT_KEY: fingerprint.encode()}
    head = bytes(answer_schema(options).with_metadata(metadata).serialize())
    return b"".join((head, *messages, _END_OF_STREAM))


def decode_answer(body: bytes, *, documents: int, options: Options) -> pa.Table:
    """Return the answer's table, checked against the request.

    Raises:
        UnexpectedAnswer: Not an Arrow stream, another schema, or another number of rows.

    """
    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise UnexpectedAnswer(
            f"the answer of {len(body):,} bytes is not a complete Arrow stream: "
            "check that the service address is an nlpbatch proxy or API"
        ) from error
    expected = answer_schema(_as_stated(options, table.schema))
    if not table.schema.equals(expected, check_metadata=False):
        raise UnexpectedAnswer(
            f"the answer's columns are {_columns(table.schema)}, asked for {_columns(expected)}: "
            "check that client and service have the same version"
        )
    if table.num_rows != documents:
        raise UnexpectedAnswer(
            f"the answer has {table.num_rows:,} outcomes for {documents:,} documents: "
            "check the network between client and service"
        )
    return table


def _as_stated(options: Options, schema: pa.Schema) -> Options:
    """Return the options of a call with the type of the results, which only the service knows if the caller doesn't."""
    if options.operation != "call" or options.result_type is not None or "result" not in schema.names:
        return options
    return replace(options, result_type=schema.field("result").type)


def fingerprint_of(table: pa.Table) -> str:
    """Return the fingerprint stated in an answer's metadata ('' if it states none)."""
    return str((table.schema.metadata or {}).get(_FINGERPRINT_KEY, b"").decode())


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)

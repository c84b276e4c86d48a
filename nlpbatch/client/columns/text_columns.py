"""Which columns of a table are analysed, and what the columns are called that are added; checked before any request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from nlpbatch.client.columns.outcome_names import outcome_names
from nlpbatch.client.columns.outcome_schema import outcome_schema
from nlpbatch.errors import InvalidRequest
from nlpbatch.suggestions import nearest
from nlpbatch.wire.options import Options


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column that is analysed.

    Args:
        name: Its name.
        position: Its position in the table.
        is_array: Whether it holds lists of strings: then the answers are lists, too.
        added: The columns that it gives, in order: the error is the last.

    """

    name: str
    position: int
    is_array: bool
    added: tuple[pa.Field, ...]

    @property
    def error(self) -> str:
        """Return the name of its error."""
        return str(self.added[-1].name)


def text_columns(schema: pa.Schema, names: Sequence[str], asked: Options) -> tuple[TextColumn, ...]:
    """Return the columns; the outcome of a single one is called `tokens` and `error`, of several `title_tokens`, ….

    Raises:
        InvalidRequest: There is no such column, or it holds no text, or an added name is taken.

    """
    called = outcome_names(names, asked)
    found = [_text_column(schema, name, asked, added) for name, added in zip(names, called, strict=True)]
    taken = {name.lower() for name in schema.names}
    for column in found:
        for field in column.added:
            if field.name.lower() in taken:
                raise InvalidRequest(
                    f"there is a column {field.name!r} already: rename it, the outcome of {column.name!r} is called so",
                    column=field.name,
                )
            taken.add(field.name.lower())
    return tuple(found)


def with_outcomes(schema: pa.Schema, columns: Sequence[TextColumn]) -> pa.Schema:
    """Return the schema of a table with all outcome columns at its end."""
    return pa.schema([*schema, *(field for column in columns for field in column.added)])


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of a type are strings."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_text_list(kind: pa.DataType) -> bool:
    """Return whether values of a type are lists of strings."""
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and is_text(kind.value_type))


def _text_column(schema: pa.Schema, name: str, asked: Options, called: Mapping[str, str]) -> TextColumn:
    if name not in schema.names:
        raise InvalidRequest(f"there is no column {name!r}: {nearest(name, schema.names)}", column=name)
    if schema.names.count(name) > 1:
        raise InvalidRequest(f"there are several columns {name!r}: rename them, or drop all but one", column=name)
    position = schema.names.index(name)
    kind = schema.field(position).type
    is_array = is_text_list(kind)
    if not is_array and not is_text(kind):
        texts = [field.name for field in schema if is_text(field.type) or is_text_list(field.type)]
        remedy = f"choose from {', '.join(texts)}" if texts else "cast it to string"
        raise InvalidRequest(f"column {name!r} is {kind}, not string: {remedy}", column=name)
    added = [
        pa.field(called[one.name], pa.list_(one.type) if is_array and one.name != "error" else one.type)
        for one in outcome_schema(asked)
    ]
    return TextColumn(name, position, is_array, tuple(added))

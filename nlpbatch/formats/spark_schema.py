"""The schema that Spark keeps in a Parquet file's footer, made from Arrow's; needs pyarrow.

Spark reads types and the metadata of columns from there, and decides by its version's key how dates are to be read.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

_SCHEMA_KEY: Final = "org.apache.spark.sql.parquet.row.metadata"
_VERSION_KEY: Final = "org.apache.spark.version"
PROLEPTIC_VERSION: Final = "3.1.0"
"""The first version of Spark whose dates and timestamps are always those of the calendar that Arrow uses."""
_NAMES: Final[Mapping[pa.DataType, str]] = {
    pa.bool_(): "boolean",
    pa.int8(): "byte",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.large_string(): "string",
    pa.binary(): "binary",
    pa.large_binary(): "binary",
    pa.date32(): "date",
}
"""Types without parameters."""


def footer_metadata(schema_json: str, version: str = PROLEPTIC_VERSION) -> dict[str, str]:
    """Return the keys and values of a footer that Spark looks at.

    Args:
        schema_json: The columns, as `StructType.json()` or `spark_json` give them.
        version: Of the Spark that writes, or the oldest that would write the same.

    """
    return {_VERSION_KEY: version, _SCHEMA_KEY: schema_json}


def spark_json(schema: pa.Schema, metadata: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Return the columns as Spark writes them as JSON.

    Args:
        schema: The columns.
        metadata: What else is known of some of the columns, by name.

    Raises:
        ValueError: Spark's Parquet has no such type.

    """
    known = metadata or {}
    fields = [_field(one, known.get(one.name, {})) for one in schema]
    return json.dumps({"type": "struct", "fields": fields}, ensure_ascii=False, separators=(",", ":"))


def _field(field: pa.Field, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": field.name, "type": _type(field.type), "nullable": field.nullable, "metadata": dict(metadata)}


def _type(kind: pa.DataType) -> Any:
    types = pa.types
    if types.is_struct(kind):
        return {"type": "struct", "fields": [_field(one, {}) for one in kind]}
    if types.is_map(kind):
        value = kind.item_field
        return {
            "type": "map",
            "keyType": _type(kind.key_type),
            "valueType": _type(value.type),
            "valueContainsNull": value.nullable,
        }
    if types.is_list(kind) or types.is_large_list(kind):
        element = kind.value_field
        return {"type": "array", "elementType": _type(element.type), "containsNull": element.nullable}
    return _atomic(kind)


def _atomic(kind: pa.DataType) -> str:
    if pa.types.is_decimal128(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind) and kind.unit in {"ms", "us"}:
        return "timestamp" if kind.tz else "timestamp_ntz"
    if kind not in _NAMES:
        raise ValueError(f"Spark's Parquet has no type for {kind}: cast the column")
    return _NAMES[kind]

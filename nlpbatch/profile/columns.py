"""Columns as the report can compute with them, or why it can't."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import encoding_that_fits

_LOOKED_AT: Final = 1_000
"""Values that tell in which encoding a column is."""
_WIDER: Final = {pa.float16(): pa.float32()}
"""Types that Arrow computes little with, and what holds the same values."""


def usable(name: str, values: pa.Array) -> pa.Array:
    """Return a column's values in a type that Arrow computes with.

    Raises:
        ConfigError: It holds text that isn't UTF-8.

    """
    values = values.cast(_WIDER.get(values.type, values.type))
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        try:
            values.validate(full=True)
        except pa.ArrowInvalid as error:
            raise _not_utf8(name, values) from error
    return values


def check_countable(name: str, values: pa.Array) -> None:
    """Refuse a column whose values can't be counted and compared.

    Raises:
        ConfigError: Naming its type.

    """
    kind = values.type
    if pa.types.is_null(kind):
        return
    try:
        pc.value_counts(values.slice(0, 1))
        pc.equal(values.slice(0, 1), values.slice(0, 1))
    except pa.ArrowNotImplementedError:
        countable = False
    else:
        countable = not (pa.types.is_nested(kind) or pa.types.is_binary(kind))
    if not countable:
        raise ConfigError(f"column {name!r} holds {kind}: choose one of numbers, text or dates")


def _not_utf8(name: str, values: pa.Array) -> ConfigError:
    odd = [value for value in values.cast(pa.large_binary()).to_pylist() if value is not None and not _is_utf8(value)]
    fits = encoding_that_fits(b"\n".join(odd[:_LOOKED_AT]), is_all=True)
    told = f"; their bytes fit {fits.upper()}" if fits else ""
    return ConfigError(f"column {name!r} has {len(odd):,} values that are not UTF-8{told}: write the file in UTF-8")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True

"""What each option of a job accepts, how it is stored, and what is wrong with a value: one table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from nlpbatch.client.address import parse_addresses
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import ConfigError, RequestError, UnknownField
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.spark.runs.budget import parse_until
from nlpbatch.spark.runs.formats import FORMATS
from nlpbatch.spark.service_call import check_in_flight, check_request_bytes
from nlpbatch.wire.fields import check_fields
from nlpbatch.wire.limits import KIB
from nlpbatch.wire.options import OPERATIONS, Options


@dataclass(frozen=True, slots=True)
class OptionType:
    """A type of option: what it accepts, in words for people, how it is stored, and what is wrong with a value.

    `choices` are all values that it accepts, if they can be listed; `is_long` is for texts that may have many lines.
    """

    accepts: Callable[[Any], bool]
    wanted: str
    convert: Callable[[Any], Any] = lambda value: value
    fault: Callable[[Any], str | None] = lambda _: None
    secret: bool = False
    choices: tuple[str, ...] = ()
    is_long: bool = False


def is_number(value: Any) -> bool:
    """Return whether it is one; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_names(value: Any) -> bool:
    """Return whether it is a string or a list of them."""
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _names(value: str | list[str]) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    return tuple(name.strip() for name in names)


def _patience_fault(seconds: float) -> str | None:
    try:
        RetryPolicy(patience_s=seconds)
    except ConfigError as error:
        return error.message.removeprefix("retry policy: ")
    return None


def _fields_fault(names: tuple[str, ...]) -> str | None:
    try:
        check_fields(names)
    except UnknownField as error:
        return f"fields: {error.message}"
    return None


def _asked_fault(**given: Any) -> str | None:
    try:
        Options.checked("analyze", given)
    except RequestError as error:
        return error.message
    return None


def columns(value: str | list[str]) -> tuple[str, ...]:
    """Return names of columns, which may hold commas."""
    return (value,) if isinstance(value, str) else tuple(value)


def columns_fault(names: tuple[str, ...]) -> str | None:
    """Return what is wrong with names of columns."""
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else f"column {twice!r} is named twice: leave one out"


def is_table(value: Any) -> bool:
    """Return whether it is a table of plain values."""
    return isinstance(value, Mapping) and all(isinstance(item, str | bool | int) for item in value.values())


def one_of(names: Iterable[str]) -> OptionType:
    """Return the type of options that have one of these values."""
    known = tuple(names)
    return OptionType(lambda value: value in known, f"one of {', '.join(known)}", choices=known)


def reader_options(value: Mapping[str, str | bool | int]) -> dict[str, str]:
    """Return options as Spark's readers take them."""
    return {name: str(item).lower() if isinstance(item, bool) else str(item) for name, item in value.items()}


def _encoding_fault(name: str) -> str | None:
    try:
        known_encoding(name)
    except ConfigError as error:
        return error.message
    return None


def _joined_addresses(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)


def _addresses_fault(service: str) -> str | None:
    try:
        parse_addresses(service)
    except ConfigError as error:
        return error.message if service else None  # an empty one counts as missing
    return None


def _minimum_fault(name: str, value: int, minimum: int) -> str | None:
    whole = isinstance(value, int) and value >= minimum
    return None if whole else f"{name} is {value!r}: give a whole number from {minimum:,}"


def _ratio_fault(value: float) -> str | None:
    return None if 0 <= value <= 1 else f"max_error_ratio is {value:g}, must be 0 to 1: 0.01 is one row in a hundred"


def _until_fault(value: str) -> str | None:
    try:
        parse_until(value, datetime.now().astimezone())
    except ConfigError as error:
        return error.message
    return None


STRING: Final = OptionType(lambda value: isinstance(value, str), "a string")
QUERY: Final = replace(STRING, is_long=True)
ADDRESSES: Final = OptionType(
    is_names, 'an address, or several: "http://a:8700,http://b:8700"', _joined_addresses, _addresses_fault
)
FLAG: Final = OptionType(lambda value: isinstance(value, bool), "true or false")
OPTION_TYPES: Final[dict[str, OptionType]] = {
    **dict.fromkeys(("input", "output"), STRING),
    "service": ADDRESSES,
    **dict.fromkeys(("analyzer", "schema", "where", "output_table"), STRING),
    "text": OptionType(is_names, 'a column, or several: ["title", "body"]', columns, columns_fault),
    "api_key": replace(STRING, secret=True),
    "pushgateway": STRING,
    "format": one_of(FORMATS),
    "encoding": OptionType(
        lambda value: isinstance(value, str), 'an encoding: "utf-8" or "cp949"', fault=_encoding_fault
    ),
    "max_record_lines": OptionType(
        is_number, "a number of lines", fault=lambda value: _minimum_fault("max_record_lines", value, 1)
    ),
    "table_format": one_of(("delta", "iceberg")),
    "reader": OptionType(is_table, 'a table of strings: reader = { sep = "\\t" }', reader_options),
    "fields": OptionType(is_names, 'names: "form,tag" or ["form", "tag"]', _names, _fields_fault),
    "tags": OptionType(is_names, 'tags: "NNG,NNP" or ["NNG", "NNP"]', _names, lambda names: _asked_fault(tags=names)),
    "top_n": OptionType(is_number, "a number", fault=lambda count: _asked_fault(top_n=count)),
    "operation": one_of(OPERATIONS),
    "options": OptionType(
        lambda value: isinstance(value, Mapping), "a table of options: options = { normalize_coda = true }", dict
    ),
    **dict.fromkeys(("sentences", "overwrite", "reprocess", "evolve_schema"), FLAG),
    "batch_bytes": OptionType(
        is_number, "a number of bytes", fault=lambda value: _minimum_fault("batch_bytes", value, KIB)
    ),
    "max_bytes": OptionType(is_number, "a number of bytes", fault=lambda value: _minimum_fault("max_bytes", value, 1)),
    "max_error_ratio": OptionType(is_number, "a number from 0 to 1", float, _ratio_fault),
    "until": OptionType(
        lambda value: isinstance(value, str), 'a time: "06:00" or "2026-11-24T06:00"', fault=_until_fault
    ),
    "request_bytes": OptionType(is_number, "a number of bytes", fault=check_request_bytes),
    "in_flight": OptionType(is_number, "a number of requests", fault=check_in_flight),
    "patience_s": OptionType(is_number, "a number of seconds", float, _patience_fault),
}

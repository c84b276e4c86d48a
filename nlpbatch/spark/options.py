"""What a job is told to do: frozen values from the command line and from TOML, checked all at once.

Dataclasses rather than pydantic: with `--deploy-mode cluster` the driver is a node of the cluster, where only pure
Python can be brought along.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Self

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import ConfigError, InvalidRequest, UnknownField
from nlpbatch.spark.prepare import IN_FLIGHT, REQUEST_BYTES, check_in_flight, check_request_bytes
from nlpbatch.wire.fields import DEFAULT_FIELDS, check_fields
from nlpbatch.wire.options import DEFAULT_ANALYZER, Options

DEFAULT_PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class JobOptions:
    """One run of the analysis job.

    Args:
        input: Parquet file or directory that Spark can read.
        text: Its string column to analyse.
        output: Directory to write; must not exist unless `overwrite`.
        service: Address of the proxy.
        api_key: The key for it.
        analyzer: Analyzer's name.
        fields: Token fields to return.
        tags: Return tokens of these tags only; all if None.
        top_n: Candidates to return instead of tokens, if over 1.
        sentences: Whether to return where sentences are, too.
        overwrite: Whether an existing output may be replaced.
        request_bytes: Text per request.
        in_flight: Requests under way per task.
        patience_s: Seconds to keep retrying a request while the service is away.

    """

    input: str
    text: str
    output: str
    service: str
    api_key: str | None = field(default=None, repr=False)
    analyzer: str = DEFAULT_ANALYZER
    fields: tuple[str, ...] = DEFAULT_FIELDS
    tags: tuple[str, ...] | None = None
    top_n: int = 1
    sentences: bool = False
    overwrite: bool = False
    request_bytes: int = REQUEST_BYTES
    in_flight: int = IN_FLIGHT
    patience_s: float = DEFAULT_PATIENCE_S

    def asked(self) -> Options:
        """Return what is asked of each text.

        Raises:
            InvalidRequest: top_n and sentences at once.

        """
        names = ("analyzer", "fields", "tags", "top_n", "sentences")
        return Options.checked("analyze", {name: getattr(self, name) for name in names})

    @classmethod
    def merge(cls, file: Path | None, given: Mapping[str, Any]) -> Self:
        """Return the options of a TOML file with those given on the command line on top.

        Raises:
            ConfigError: The file can't be read, or options are unknown, missing or of the wrong type; all are named.

        """
        written = {} if file is None else _read(file)
        given = {name: value for name, value in given.items() if value is not None}
        faults = [_unknown(str(file), name) for name in written if name not in _TYPES]
        members = {name: value for name, value in (written | given).items() if name in _TYPES}
        sources = dict.fromkeys(written, str(file)) | dict.fromkeys(given, "command line")
        faults += [fault for name, value in members.items() if (fault := _fault(sources[name], name, value))]
        required = ("input", "text", "output", "service")
        faults += [
            f"{name} is missing: give --{name}, or set it in --config" for name in required if not members.get(name)
        ]
        if faults:
            raise ConfigError("\n".join(faults))
        return cls(**{name: _TYPES[name].convert(value) for name, value in members.items()})


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of option: what it accepts, in words for people, how it is stored, and what is wrong with a value."""

    accepts: Callable[[Any], bool]
    wanted: str
    convert: Callable[[Any], Any] = lambda value: value
    fault: Callable[[Any], str | None] = lambda _: None
    secret: bool = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_names(value: Any) -> bool:
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
    except InvalidRequest as error:
        return error.message
    return None


_STRING: Final = _Type(lambda value: isinstance(value, str), "a string")
_FLAG: Final = _Type(lambda value: isinstance(value, bool), "true or false")
_TYPES: Final[dict[str, _Type]] = {
    **dict.fromkeys(("input", "text", "output", "service", "analyzer"), _STRING),
    "api_key": replace(_STRING, secret=True),
    "fields": _Type(_is_names, 'names: "form,tag" or ["form", "tag"]', _names, _fields_fault),
    "tags": _Type(_is_names, 'tags: "NNG,NNP" or ["NNG", "NNP"]', _names, lambda names: _asked_fault(tags=names)),
    "top_n": _Type(_is_number, "a number", fault=lambda count: _asked_fault(top_n=count)),
    "sentences": _FLAG,
    "overwrite": _FLAG,
    "request_bytes": _Type(_is_number, "a number of bytes", fault=check_request_bytes),
    "in_flight": _Type(_is_number, "a number of requests", fault=check_in_flight),
    "patience_s": _Type(_is_number, "a number of seconds", float, _patience_fault),
}
assert {item.name for item in fields(JobOptions)} == set(_TYPES)  # noqa: S101  (one table, one dataclass)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}: check the path given with --config") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error


def _unknown(source: str, name: str) -> str:
    near = difflib.get_close_matches(name, _TYPES, n=1)
    return f"{source}: unknown option {name!r}: " + (
        f"did you mean {near[0]}?" if near else f"choose from {', '.join(_TYPES)}"
    )


def _fault(source: str, name: str, value: Any) -> str | None:
    kind = _TYPES[name]
    if not kind.accepts(value):
        shown = "" if kind.secret else f" = {value!r}"
        return f"{source}: {name}{shown} is not {kind.wanted}"
    fault = kind.fault(kind.convert(value))
    return fault and f"{source}: {fault}"

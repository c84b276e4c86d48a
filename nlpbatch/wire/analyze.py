"""The JSON form of `POST /v1/analyze`: reading and checking requests, writing requests, reading answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlpbatch.errors import InvalidRequest, UnexpectedAnswer
from nlpbatch.wire.fields import DEFAULT_FIELDS, check_fields
from nlpbatch.wire.outcome import Analysis, Outcome

DEFAULT_ANALYZER = "default"
_MEMBERS = ("texts", "analyzer", "fields")


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """What is asked of every document of a request, in either encoding."""

    analyzer: str = DEFAULT_ANALYZER
    fields: tuple[str, ...] = DEFAULT_FIELDS

    def to_query(self) -> dict[str, str]:
        """Return the query parameters that carry the options beside an Arrow body."""
        return {"analyzer": self.analyzer, "fields": ",".join(self.fields)}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "AnalyzeOptions":
        """Return the options in a query string.

        Raises:
            InvalidRequest: A parameter that doesn't exist.
            UnknownField: A field that isn't offered.

        """
        unknown = [name for name in query if name not in {"analyzer", "fields"}]
        if unknown:
            raise InvalidRequest(
                f"unknown query parameter {unknown[0]!r}: choose from analyzer, fields", path=f"?{unknown[0]}"
            )
        fields = query.get("fields")
        return cls(
            query.get("analyzer", DEFAULT_ANALYZER),
            DEFAULT_FIELDS if fields is None else check_fields(fields.split(",")),
        )


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """A request as JSON carries it; a text may hold lone surrogates, which cost that document an error."""

    texts: tuple[str | None, ...]
    options: AnalyzeOptions = AnalyzeOptions()

    def to_json(self) -> bytes:
        """Return the request's body."""
        members = {
            "texts": self.texts,
            "analyzer": self.options.analyzer,
            "fields": self.options.fields,
        }
        try:
            # Bytes are what a request costs: UTF-8 takes half of what escapes do for Hangul.
            return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            # Escapes carry lone surrogates, which UTF-8 can't.
            return json.dumps(members, separators=(",", ":")).encode()


def parse_request(body: bytes) -> AnalyzeRequest:
    """Return the request in a JSON body.

    Raises:
        InvalidRequest: Not JSON, or a member is missing, unknown or of the wrong type; `path` is a JSON pointer to it.
        UnknownField: A field that isn't offered.

    """
    members = _object(body)
    for name in members:
        if name not in _MEMBERS:
            raise InvalidRequest(
                f"unknown member {name[:80]!r}: choose from {', '.join(_MEMBERS)}", path=f"/{name[:80]}"
            )
    if "texts" not in members:
        raise InvalidRequest('no "texts": send {"texts": ["…", …]}', path="/texts")
    return AnalyzeRequest(
        _texts(members["texts"]),
        AnalyzeOptions(_analyzer(members.get("analyzer")), _fields(members.get("fields"))),
    )


def parse_answer(body: bytes, *, documents: int) -> Analysis:
    """Return the analysis in a JSON answer.

    Raises:
        UnexpectedAnswer: Not the JSON that was asked for, or another number of outcomes.

    """
    try:
        members = json.loads(body)
        analysis = Analysis(
            members["analyzer"],
            members["fingerprint"],
            tuple(Outcome.from_json(outcome) for outcome in members["outcomes"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnexpectedAnswer(
            f"the answer of {len(body):,} bytes is not an analysis: check that the address is an nlpbatch service"
        ) from error
    if len(analysis) != documents:
        raise UnexpectedAnswer(
            f"the answer has {len(analysis):,} outcomes for {documents:,} documents: "
            "check what stands between client and service"
        )
    return analysis


def _object(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8 at byte {error.start}: send JSON in UTF-8") from None
    except RecursionError as error:
        raise InvalidRequest('the body is nested too deeply: send {"texts": [...]}') from error
    if not isinstance(members, dict):
        raise InvalidRequest(f'the body is a JSON {_kind(members)}: send an object, {{"texts": ["…", …]}}', path="")
    return members


def _texts(value: Any) -> tuple[str | None, ...]:
    if not isinstance(value, list):
        raise InvalidRequest(f"texts is a {_kind(value)}: send an array of strings and nulls", path="/texts")
    for position, text in enumerate(value):
        if text is not None and not isinstance(text, str):
            raise InvalidRequest(
                f"text {position} is a {_kind(text)}: send a string or null", path=f"/texts/{position}"
            )
    return tuple(value)


def _analyzer(value: Any) -> str:
    if value is None:
        return DEFAULT_ANALYZER
    if not isinstance(value, str):
        raise InvalidRequest(f"analyzer is a {_kind(value)}: send its name, a string", path="/analyzer")
    return value


def _fields(value: Any) -> tuple[str, ...]:
    if value is None:
        return DEFAULT_FIELDS
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidRequest('fields is not an array of strings: send ["form", "tag", …]', path="/fields")
    return check_fields(value)


def _kind(value: Any) -> str:
    kinds: Sequence[tuple[type, str]] = (
        (bool, "boolean"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
        (int, "number"),
        (float, "number"),
    )
    return next((name for cls, name in kinds if isinstance(value, cls)), "null")

"""The options of one request, read from JSON members, a query string or Python arguments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options.table import (
    DEFAULT_ANALYZER,
    DOCUMENT_MEMBERS,
    OPERATIONS,
    OPTIONS,
    Operation,
    options_of,
)
from nlpbatch.wire.options.values import check_value, parse_text, shown, to_text

if TYPE_CHECKING:
    import pyarrow as pa

_WRITING: Final = frozenset({"space", "join", "glue"})
"""Operations that answer with a text."""
_WRITTEN: Final = {"return_positions": "positions", "return_space_insertions": "space_insertions"}
"""Further columns of the answer, by the option that requests them."""
_OF_TOKENS: Final = ("fields", "tags", "stopwords")


@dataclass(frozen=True, slots=True)
class Options:
    """The operation and options for every document of a request; the members are those of the table above.

    Args:
        kiwi: Kiwi's own options, by name; for others the analyzer's configuration holds.
        called: Of `call`, the analyzer's own operation; '' is its only one.
        result_type: Of `call`, the type that the analyzer declares; it doesn't travel with a request.

    """

    operation: Operation = "analyze"
    analyzer: str = DEFAULT_ANALYZER
    fields: tuple[str, ...] = DEFAULT_FIELDS
    tags: tuple[str, ...] | None = None
    top_n: int = 1
    candidates: bool = False
    sentences: bool = False
    stopwords: bool | tuple[str, ...] = False
    return_tokens: bool = False
    lm_search: bool = True
    return_positions: bool = False
    return_space_insertions: bool = False
    reset_whitespace: bool = False
    kiwi: Mapping[str, Any] = field(default_factory=dict)
    called: str = ""
    result_type: "pa.DataType | None" = None

    @property
    def is_ranked(self) -> bool:
        """Return whether the answer is candidates with their scores, rather than the tokens of the best."""
        return self.top_n > 1 or self.candidates

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that an answer has for each document, beside its error."""
        if self.operation in _WRITING:
            return ("text", *(column for option, column in _WRITTEN.items() if getattr(self, option)))
        if self.operation == "call":
            return ("result",)
        if self.operation == "sentences":
            return ("sentences",)
        if self.is_ranked:
            return ("candidates",)
        return ("tokens", "sentences") if self.sentences else ("tokens",)

    def to_members(self) -> dict[str, Any]:
        """Return the JSON members of these options, without those at their default, except analyzer and fields."""
        plain = _DEFAULTS[self.operation]
        known = options_of(self.operation)
        members = {}
        for option in known:
            if option.kiwi:
                continue
            value = getattr(self, option.held_in)
            always = option.name == "analyzer" or (option.name == "fields" and self.operation == "analyze")
            if always or value != getattr(plain, option.held_in):
                members[option.name] = list(value) if isinstance(value, tuple) else value
        return members | {name: list(value) if isinstance(value, tuple) else value for name, value in self.kiwi.items()}

    def to_query(self) -> dict[str, str]:
        """Return the query parameters that ask for this beside an Arrow body."""
        return {name: to_text(value) for name, value in self.to_members().items()}

    @classmethod
    def from_members(cls, members: Mapping[str, Any], operation: Operation = "analyze") -> "Options":
        """Return the options in JSON members; null is the default.

        Raises:
            InvalidRequest: A member is unknown or can't be used; `path` is a JSON pointer to it.
            InvalidOption: The engine doesn't take a value.
            UnknownField: A field that isn't offered.

        """
        known = {option.name: option for option in options_of(operation)}
        for name in members:
            if name not in known:
                raise _unknown("member", name, (*DOCUMENT_MEMBERS[operation], *known), f"/{name[:80]}")
        given = {
            name: check_value(known[name], value, f"/{name}") for name, value in members.items() if value is not None
        }
        return _made(operation, given)

    @classmethod
    def from_query(cls, query: Mapping[str, str], operation: Operation = "analyze") -> "Options":
        """Return the options in query parameters.

        Raises:
            InvalidRequest: A parameter is unknown or can't be used.
            InvalidOption: The engine doesn't take a value.
            UnknownField: A field that isn't offered.

        """
        known = {option.name: option for option in options_of(operation)}
        for name in query:
            if name not in known:
                raise _unknown("query parameter", name, tuple(known), f"?{name[:80]}")
        given = {
            name: check_value(known[name], parse_text(known[name], text), f"?{name}") for name, text in query.items()
        }
        return _made(operation, given)

    @classmethod
    def checked(cls, operation: Operation, given: Mapping[str, Any]) -> "Options":
        """Return the options of a caller in Python: strings count as lists of one, tuples as lists, None as left out.

        Raises:
            InvalidRequest: Something unknown, or that can't be used.
            InvalidOption: The engine doesn't take a value.
            UnknownField: A field that isn't offered.

        """
        return cls.from_members({name: _plain(name, value) for name, value in given.items()}, operation)


def _plain(name: str, value: Any) -> Any:
    option = OPTIONS.get(name)
    if option is None or option.kind != "strings" or isinstance(value, Mapping) or not isinstance(value, Iterable):
        return value
    return [value] if isinstance(value, str) else list(value)


_DEFAULTS: Final = {operation: Options(operation) for operation in OPERATIONS}
DEFAULT_OPTIONS: Final = _DEFAULTS["analyze"]
_PLAIN: Final = _DEFAULTS["sentences"]


def _made(operation: Operation, given: Mapping[str, Any]) -> Options:
    own = {OPTIONS[name].held_in: value for name, value in given.items() if not OPTIONS[name].kiwi}
    kiwi = {name: value for name, value in given.items() if OPTIONS[name].kiwi}
    options = replace(_DEFAULTS[operation], **own, kiwi=kiwi)
    if options.is_ranked and options.sentences:
        asked = "top_n over 1" if options.top_n > 1 else "candidates"
        raise InvalidRequest(f"{asked} and sentences: candidates may differ in their sentences: ask for one")
    for name in _OF_TOKENS:
        if operation == "sentences" and not options.return_tokens and getattr(options, name) != getattr(_PLAIN, name):
            raise InvalidRequest(f"{name} without return_tokens: there are no tokens to choose: ask for return_tokens")
    return options


def _unknown(kind: str, name: str, known: Sequence[str], path: str) -> InvalidRequest:
    return InvalidRequest(f"unknown {kind} {shown(name)}: choose from {', '.join(known)}", path=path)

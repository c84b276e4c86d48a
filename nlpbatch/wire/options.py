"""What may be asked of the documents of a request: one table, which JSON bodies, query strings and OpenAPI follow.

Options that are Kiwi's have Kiwi's names. Left out, they are as the analyzer is configured. They are part of the
question, not of the analyzer: its fingerprint doesn't change with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.fields import DEFAULT_FIELDS, TOKEN_FIELDS, check_fields
from nlpbatch.wire.tags import TAGS

Operation = Literal["analyze", "sentences", "space"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
Kind = Literal["string", "boolean", "integer", "strings"]
DEFAULT_ANALYZER: Final = "default"
MOST_CANDIDATES: Final = 10
_MOST_WORDS: Final = 1000
MOST_WORD_CODE_POINTS: Final = 100
OOV_HANDLINGS: Final = ("rule", "chr", "chr_freq", "chr_freq_branch", "chr_freq_consistency")

_ANALYZE: Final[tuple[Operation, ...]] = ("analyze",)
_MORPHEMES: Final[tuple[Operation, ...]] = ("analyze", "sentences")


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may be asked.

    Args:
        name: In JSON bodies, queries, both clients and Spark.
        kind: Its JSON type; `strings` is an array, in a query separated by commas.
        operations: Where it may be asked.
        meaning: One line for people.
        kiwi: Whether it goes to Kiwi as it is.
        choices: The strings that may be given, if not any.
        least: Of an integer.
        most: Of an integer, or of the number of strings.

    """

    name: str
    kind: Kind
    operations: tuple[Operation, ...]
    meaning: str
    kiwi: bool = False
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = _MOST_WORDS


def _kiwi(name: str, meaning: str, operations: tuple[Operation, ...] = _MORPHEMES) -> Option:
    return Option(name, "boolean", operations, meaning, kiwi=True)


_ALL = (
    Option("analyzer", "string", OPERATIONS, "one of the analyzers of GET /v1/analyzers"),
    Option("fields", "strings", _ANALYZE, "token fields to answer with, in this order", choices=tuple(TOKEN_FIELDS)),
    Option("tags", "strings", _ANALYZE, "answer with these only; VV stands for VV-R and VV-I, too", choices=TAGS),
    Option("top_n", "integer", _ANALYZE, "answer with so many candidates, best first", least=1, most=MOST_CANDIDATES),
    Option("sentences", "boolean", _ANALYZE, "also answer where the sentences are"),
    Option("stopwords", "boolean", _ANALYZE, "leave out what is in Kiwi's list of stop words"),
    _kiwi("normalize_coda", "take ㅋㅋㅋ, ㅎㅎㅎ and the like off the syllable before"),
    _kiwi("z_coda", "take a final consonant that was added to a word off as Z_CODA"),
    _kiwi("split_complex", "split morphemes that can be split further"),
    _kiwi("compatible_jamo", "give single consonants as compatibility jamo"),
    _kiwi("saisiot", "true splits words with saisiot, false joins them"),
    _kiwi("open_ending", "don't take the end of the text for the end of a sentence", _ANALYZE),
    Option("oov_handling", "string", _MORPHEMES, "how unknown words are guessed", kiwi=True, choices=OOV_HANDLINGS),
    Option("blocklist", "strings", _MORPHEMES, "morphemes that may not be among the candidates", kiwi=True),
    Option("reset_whitespace", "boolean", ("space",), "forget the blanks that the text has, too"),
)
OPTIONS: Final[Mapping[str, Option]] = MappingProxyType({option.name: option for option in _ALL})


def options_of(operation: Operation) -> tuple[Option, ...]:
    """Return the options that an operation has."""
    return tuple(option for option in _ALL if operation in option.operations)


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of every document of a request; the members are those of the table above.

    Args:
        kiwi: Kiwi's own options, by name; what is not in it is as the analyzer is configured.

    """

    operation: Operation = "analyze"
    analyzer: str = DEFAULT_ANALYZER
    fields: tuple[str, ...] = DEFAULT_FIELDS
    tags: tuple[str, ...] | None = None
    top_n: int = 1
    sentences: bool = False
    stopwords: bool = False
    reset_whitespace: bool = False
    kiwi: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return what an answer has for each document, beside its error."""
        if self.operation == "space":
            return ("text",)
        if self.operation == "sentences":
            return ("sentences",)
        if self.top_n > 1:
            return ("candidates",)
        return ("tokens", "sentences") if self.sentences else ("tokens",)

    def to_members(self) -> dict[str, Any]:
        """Return the JSON members that ask for this; what has its default is left out, but analyzer and fields."""
        plain = _DEFAULTS[self.operation]
        known = options_of(self.operation)
        members = {}
        for option in known:
            if option.kiwi:
                continue
            value = getattr(self, option.name)
            if option.name in {"analyzer", "fields"} or value != getattr(plain, option.name):
                members[option.name] = list(value) if isinstance(value, tuple) else value
        return members | {name: list(value) if isinstance(value, tuple) else value for name, value in self.kiwi.items()}

    def to_query(self) -> dict[str, str]:
        """Return the query parameters that ask for this beside an Arrow body."""
        return {name: _as_text(value) for name, value in self.to_members().items()}

    @classmethod
    def from_members(cls, members: Mapping[str, Any], operation: Operation = "analyze") -> "Options":
        """Return what JSON members ask for; null is the default.

        Raises:
            InvalidRequest: A member is unknown or can't be used; `path` is a JSON pointer to it.
            UnknownField: A field that isn't offered.

        """
        known = {option.name: option for option in options_of(operation)}
        for name in members:
            if name not in known:
                raise _unknown("member", name, ("texts", *known), f"/{name[:80]}")
        given = {name: _checked(known[name], value, f"/{name}") for name, value in members.items() if value is not None}
        return _made(operation, given)

    @classmethod
    def from_query(cls, query: Mapping[str, str], operation: Operation = "analyze") -> "Options":
        """Return what query parameters ask for.

        Raises:
            InvalidRequest: A parameter is unknown or can't be used.
            UnknownField: A field that isn't offered.

        """
        known = {option.name: option for option in options_of(operation)}
        for name in query:
            if name not in known:
                raise _unknown("query parameter", name, tuple(known), f"?{name[:80]}")
        given = {name: _checked(known[name], _parsed(known[name], text), f"?{name}") for name, text in query.items()}
        return _made(operation, given)

    @classmethod
    def checked(cls, operation: Operation, given: Mapping[str, Any]) -> "Options":
        """Return what a caller in Python asks for: strings count as lists of one, tuples as lists, None as left out.

        Raises:
            InvalidRequest: Something unknown, or that can't be used.
            UnknownField: A field that isn't offered.

        """
        return cls.from_members({name: _plain(name, value) for name, value in given.items()}, operation)


def _plain(name: str, value: Any) -> Any:
    option = OPTIONS.get(name)
    if option is not None and option.kind == "strings" and value is not None:
        return [value] if isinstance(value, str) else list(value)
    return value


_DEFAULTS: Final = {operation: Options(operation) for operation in OPERATIONS}
DEFAULT_OPTIONS: Final = _DEFAULTS["analyze"]
_OWN: Final = frozenset(member.name for member in fields(Options))


def _made(operation: Operation, given: Mapping[str, Any]) -> Options:
    own = {name: value for name, value in given.items() if name in _OWN}
    options = replace(_DEFAULTS[operation], **own, kiwi={k: v for k, v in given.items() if k not in _OWN})
    if options.top_n > 1 and options.sentences:
        raise InvalidRequest("top_n over 1 and sentences: candidates may differ in their sentences: ask for one")
    return options


def _unknown(kind: str, name: str, known: Sequence[str], path: str) -> InvalidRequest:
    return InvalidRequest(f"unknown {kind} {name[:80]!r}: choose from {', '.join(known)}", path=path)


def _checked(option: Option, value: Any, path: str) -> Any:
    """Return a value as `Options` holds it."""
    wanted = {"string": str, "boolean": bool, "integer": int, "strings": list}[option.kind]
    if option.kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of number: some write 2 as 2.0
    right = isinstance(value, wanted) and not (option.kind == "integer" and isinstance(value, bool))
    if not right:
        raise InvalidRequest(f"{option.name} is not {_WANTED[option.kind]}: send {_example(option)}", path=path)
    if option.kind == "strings":
        return _strings(option, value, path)
    if option.kind == "integer" and not option.least <= value <= option.most:
        bounds = f"{option.least} to {option.most}"
        raise InvalidRequest(f"{option.name} is {value}: send a number from {bounds}", path=path)
    if option.choices and value not in option.choices:
        choices = ", ".join(option.choices)
        raise InvalidRequest(f"{option.name} is {str(value)[:80]!r}: choose from {choices}", path=path)
    return value


def _strings(option: Option, values: list[Any], path: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"{option.name} is not an array of strings: send {_example(option)}", path=path)
    if option.name == "fields":
        return check_fields(values)
    if len(values) > option.most:
        raise InvalidRequest(f"{option.name} has {len(values):,} entries, the limit is {option.most:,}", path=path)
    if option.name == "tags":
        return _tags(values, path)
    long = next((len(value) for value in values if not 0 < len(value) <= MOST_WORD_CODE_POINTS), None)
    if long is not None:
        bounds = f"1 to {MOST_WORD_CODE_POINTS}"
        raise InvalidRequest(f"{option.name} has an entry of {long:,} code points: send {bounds}", path=path)
    return tuple(values)


def _tags(values: list[str], path: str) -> tuple[str, ...]:
    unknown = [value for value in values if value not in TAGS]
    if unknown:
        raise InvalidRequest(f"tags has {unknown[0][:20]!r}: choose from {', '.join(TAGS)}", path=path)
    if not values:
        raise InvalidRequest("tags is empty, so that no token would be left: leave it out for all", path=path)
    return tuple(values)


_WANTED: Final = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "strings": "an array of strings",
}


def _example(option: Option) -> str:
    if option.kind == "boolean":
        return "true or false"
    if option.kind == "integer":
        return f"{option.least} to {option.most}"
    if option.name == "fields":
        return '["form", "tag", …]'
    return '["…", …]' if option.kind == "strings" else '"…"'


def _parsed(option: Option, text: str) -> Any:
    """Return a query parameter's value as JSON would have it."""
    if option.kind == "strings":
        return text.split(",")
    if option.kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if option.kind == "integer" and text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10:  # noqa: PLR2004
        return int(text)
    return text


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list) else str(value)

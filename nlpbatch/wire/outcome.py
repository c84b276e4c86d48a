"""The outcome of one document: its tokens, or an error that doesn't concern its neighbours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, overload

INVALID_TEXT: Final = "invalid_text"
TEXT_TOO_LARGE: Final = "text_too_large"
INVALID_DOCUMENT: Final = "invalid_document"
ANALYSIS_FAILED: Final = "analysis_failed"
WORKER_DIED: Final = "worker_died"
DEADLINE_EXCEEDED: Final = "deadline_exceeded"
MEMORY_EXCEEDED: Final = "memory_exceeded"
QUARANTINED: Final = "quarantined"
DOCUMENT_CODES: Final = (
    INVALID_TEXT,
    INVALID_DOCUMENT,
    TEXT_TOO_LARGE,
    ANALYSIS_FAILED,
    WORKER_DIED,
    DEADLINE_EXCEEDED,
    MEMORY_EXCEEDED,
    QUARANTINED,
)
"""Every code a document's error can carry; closed, so that jobs can count by code."""
TRANSIENT_CODES: Final = frozenset({WORKER_DIED, DEADLINE_EXCEEDED, MEMORY_EXCEEDED, QUARANTINED})
"""Those that the same text may not have when it is sent again."""


@dataclass(frozen=True, slots=True)
class DocumentError:
    """Why one document has no tokens. The message gives value, bound and remedy, never the text."""

    code: str
    message: str


def text_too_large(size_bytes: int, limit_bytes: int) -> DocumentError:
    """Return the error of a text over the limit, the same wherever it is noticed."""
    return DocumentError(
        TEXT_TOO_LARGE,
        f"the text has {size_bytes:,} bytes, the limit is {limit_bytes:,}: "
        "split it, or raise limits.text_bytes of the service",
    )


class Token:
    """One morpheme, with the fields that were requested as attributes.

    Two tokens are equal when their fields are. `as_dict()` gives all fields at once.
    """

    __slots__ = ("_values",)

    if TYPE_CHECKING:
        form: str
        tag: str
        start: int
        end: int
        len: int
        lemma: str
        base_form: str
        raw_form: str
        sent_position: int
        sub_sent_position: int
        word_position: int
        line_number: int
        score: float
        oov: bool
        typo_cost: float
        sense: int
        paired_token: int
        script: str | None
        id: int
        base_id: int
        dialect: int
        semantic: str | None
        has_jongseong: bool | None
        reading: str | None
        type: str | None
        start_pos: str | None
        end_pos: str | None
        expression: str | None

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Any:
        # Pickle and copy look attributes up before there are values.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(
                f"this token has no field {name!r}, only {', '.join(self._values)}: name it in fields=(...)"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a token can't be changed: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._values == other._values

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return Token, (self._values,)

    def __repr__(self) -> str:
        return f"Token({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, in the order they were requested."""
        return dict(self._values)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Where a sentence is in the text that was sent; its own text and tokens if they were requested."""

    start: int
    end: int
    text: str | None = None
    tokens: tuple[Token, ...] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read a text; the higher its score, the likelier."""

    tokens: tuple[Token, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one document: the result of its operation, or its error; nothing where the document was None.

    Args:
        tokens: Of `analyze`.
        error: Why there is nothing else.
        sentences: Of `sentences`, and of `analyze` if requested.
        candidates: Of `analyze` with `top_n` over 1 or `candidates`, instead of tokens.
        text: Of `space`, `join` and `glue`.
        positions: Of `join` if requested: start and end of each morpheme in the text.
        space_insertions: Of `glue` if requested: for each chunk but the last, whether a blank follows it.
        result: Of `call`: a dictionary, or a list of them, with the members that the operation declares.

    """

    tokens: tuple[Token, ...] | None
    error: DocumentError | None = None
    sentences: tuple[Sentence, ...] | None = None
    candidates: tuple[Candidate, ...] | None = None
    text: str | None = None
    positions: tuple[tuple[int, int], ...] | None = None
    space_insertions: tuple[bool, ...] | None = None
    result: dict[str, Any] | list[dict[str, Any]] | None = None

    @classmethod
    def from_json(cls, members: Mapping[str, Any], columns: Sequence[str] = ("tokens",)) -> "Outcome":
        """Return the outcome that a JSON answer holds, with the members that its operation has."""
        error = members["error"]
        given = {name: None if members[name] is None else _READ[name](members[name]) for name in columns}
        return cls(
            given.get("tokens"),
            None if error is None else DocumentError(error["code"], error["message"]),
            given.get("sentences"),
            given.get("candidates"),
            given.get("text"),
            given.get("positions"),
            given.get("space_insertions"),
            given.get("result"),
        )


def _tokens(rows: Sequence[Mapping[str, Any]]) -> tuple[Token, ...]:
    return tuple(Token(row) for row in rows)


def _sentence(row: Mapping[str, Any]) -> Sentence:
    tokens = row.get("tokens")
    return Sentence(row["start"], row["end"], row.get("text"), None if tokens is None else _tokens(tokens))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _result(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise TypeError
    return value


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "tokens": _tokens,
    "sentences": lambda rows: tuple(map(_sentence, rows)),
    "candidates": lambda rows: tuple(Candidate(_tokens(row["tokens"]), row["score"]) for row in rows),
    "text": _text,
    "positions": lambda rows: tuple((row["start"], row["end"]) for row in rows),
    "space_insertions": tuple,
    "result": _result,
}


@dataclass(frozen=True, slots=True)
class Analysis(Sequence[Outcome]):
    """The outcomes of one request, in the order of its texts, with the analyzer and its version."""

    analyzer: str
    fingerprint: str
    outcomes: tuple[Outcome, ...]

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        return self.outcomes[index]

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

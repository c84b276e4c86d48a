"""What one document gets: its tokens, or an error that is its own and not its neighbours'."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, overload

INVALID_TEXT: Final = "invalid_text"
TEXT_TOO_LARGE: Final = "text_too_large"
ANALYSIS_FAILED: Final = "analysis_failed"
WORKER_DIED: Final = "worker_died"
DOCUMENT_CODES: Final = (INVALID_TEXT, TEXT_TOO_LARGE, ANALYSIS_FAILED, WORKER_DIED)
"""Every code a document's error can carry; closed, so that jobs can count by code."""


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
    """One morpheme, with the fields that were asked for as attributes.

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
        """Return the fields by name, in the order they were asked for."""
        return dict(self._values)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tokens of one document or its error; both are None where the document was None."""

    tokens: tuple[Token, ...] | None
    error: DocumentError | None = None

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> "Outcome":
        """Return the outcome that a JSON answer holds."""
        tokens, error = members["tokens"], members["error"]
        return cls(
            None if tokens is None else tuple(Token(token) for token in tokens),
            None if error is None else DocumentError(error["code"], error["message"]),
        )


@dataclass(frozen=True, slots=True)
class Analysis(Sequence[Outcome]):
    """The outcomes of one request, in the order of its texts, and what analysed them."""

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

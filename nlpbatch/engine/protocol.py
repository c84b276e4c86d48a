"""The interface between the pool and an engine: any engine that implements it can be served."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from nlpbatch.engine.dictionary import Entry


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The engine to load: the part of the configuration that decides results.

    Args:
        name: The analyzer's name in requests.
        model: Kiwi's `model_type`; None takes the default model of the installed package.
        load: Further arguments of Kiwi's constructor, by Kiwi's names.
        options: Arguments of every `tokenize` call, by Kiwi's names.
        dictionary: Its own words and rules.

    """

    name: str
    model: str | None
    load: Mapping[str, Any]
    options: Mapping[str, Any]
    dictionary: tuple[Entry, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON members from which `from_json` makes an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the value that the members describe."""
        entries = tuple(
            Entry(entry["where"], entry["kind"], _tuples(entry["values"])) for entry in members["dictionary"]
        )
        return cls(**{**members, "dictionary": entries})


def _tuples(value: Any) -> Any:
    """Return tuples where JSON has arrays."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Engine and model as loaded, for the fingerprint and `GET /v1/analyzers`."""

    engine: str
    model: str
    fingerprint: str


class EngineToken(Protocol):
    """A token as engines return it: an attribute for every name in `wire.fields.TOKEN_FIELDS`."""

    form: str
    tag: str
    start: int
    end: int


class Tokenize(Protocol):
    """A function from a text to its tokens."""

    def __call__(self, text: str, *, pretokenized: Sequence[Any] | None = None) -> Sequence[EngineToken]:
        """Return the tokens; `pretokenized` has spans as Kiwi takes them, which don't overlap."""
        ...


class Engine(Protocol):
    """Analyses one short, composed text at a time, in one thread, and gives the same answer for the same text.

    All methods raise the engine's own errors. `options` are Kiwi's own, by name, on top of those of the analyzer.
    """

    info: EngineInfo

    def tokenizer(self, options: Mapping[str, Any]) -> Tokenize:
        """Return a function from a text to its tokens, with offsets in code points."""
        ...

    def candidates(
        self, text: str, top_n: int, options: Mapping[str, Any], pretokenized: Sequence[Any] | None = None
    ) -> Sequence[tuple[Sequence[EngineToken], float]]:
        """Return the up to `top_n` best analyses of a text with their scores, best first; at least one."""
        ...

    def space(self, text: str, *, reset: bool) -> str:
        """Return the text with its spacing corrected; with `reset`, as if it had no blanks."""
        ...

    def join(self, morphemes: Sequence[tuple[Any, ...]], *, lm_search: bool) -> tuple[str, Sequence[tuple[int, int]]]:
        """Return the text of (form, tag) or (form, tag, whether a blank precedes), and the position of each in it."""
        ...

    def score(self, text: str) -> float:
        """Return the logarithm of the probability of a text's best analysis."""
        ...

    def is_stopword(self, token: EngineToken) -> bool:
        """Return whether the engine's own list of stop words contains the token."""
        ...

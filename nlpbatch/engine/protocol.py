"""The interface between the pool and an engine: any engine that implements it can be served.

Kiwi, MeCab-ko and functions of one's own are such engines. Others are found as entry points, see `engine.loading`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from nlpbatch.engine.dictionary import DictionaryEntry
from nlpbatch.wire.analyzer import OfferedOperation

if TYPE_CHECKING:
    from nlpbatch.engine.operations import Perform
    from nlpbatch.wire.options import Options


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The engine to load: the part of the configuration that decides results.

    Args:
        name: The analyzer's name in requests.
        engine: Which engine, as `engine.loading` has them.
        load: What it is loaded with, by the engine's own names; None is the engine's default.
        options: Arguments of every call, by the engine's own names.
        dictionary: Its own words and rules.
        directory: Where modules of one's own are, beside those that are installed; '' for none.

    """

    name: str
    engine: str = "kiwi"
    load: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    dictionary: tuple[DictionaryEntry, ...] = ()
    directory: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON members from which `from_json` makes an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the value that the members describe."""
        entries = tuple(
            DictionaryEntry(entry["where"], entry["kind"], _tuples(entry["values"])) for entry in members["dictionary"]
        )
        return cls(**{**members, "dictionary": entries})


def _tuples(value: Any) -> Any:
    """Return tuples where JSON has arrays."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Engine and model as loaded, for the fingerprint and `GET /v1/analyzers`.

    Args:
        engine: Name and version.
        model: Name and version.
        fingerprint: Hash of all that decides results.
        operations: What it can be asked for.
        options: The options it was configured with, as far as everybody may see them.
        fields: The token fields it offers; none if it has no tokens.
        tagset: The tag set of its tokens; '' if it has no tokens.

    """

    engine: str
    model: str
    fingerprint: str
    operations: tuple[OfferedOperation, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    tagset: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON members from which `from_json` makes an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the value that the members describe."""
        operations = tuple(OfferedOperation(**one) for one in members["operations"])
        return cls(**{**members, "operations": operations, "fields": tuple(members["fields"])})


class Engine(Protocol):
    """Answers one document at a time, in one thread, and gives the same answer for the same document.

    It is loaded once, in a process that then forks the workers: it must not have started threads, and what it holds
    (files, connections) must survive a fork.
    """

    info: EngineInfo

    def performer(self, options: "Options") -> "Perform":
        """Return the function that performs the operation of the options on a document's content.

        Raises:
            ValueError, TypeError: It doesn't take these options; the message may name options, never text.

        """
        ...


class EngineToken(Protocol):
    """A token as engines return it: an attribute for every field that the engine offers, of `wire.fields`."""

    form: str
    tag: str
    start: int
    end: int


class Tokenize(Protocol):
    """A function from a text to its tokens."""

    def __call__(self, text: str, *, pretokenized: Sequence[Any] | None = None) -> Sequence[EngineToken]:
        """Return the tokens; `pretokenized` has spans as Kiwi takes them, which don't overlap."""
        ...


class Tokenizer(Protocol):
    """What `engine.operations` makes tokens with: it gets short, composed texts only."""

    def tokenizer(self, options: Mapping[str, Any]) -> Tokenize:
        """Return a function from a text to its tokens, with offsets in code points."""
        ...

    def is_stopword(self, token: EngineToken) -> bool:
        """Return whether the engine's own list of stop words contains the token."""
        ...


class MorphemeEngine(Tokenizer, Protocol):
    """What all operations of `engine.operations` need.

    All methods raise the engine's own errors. `options` are Kiwi's own, by name, on top of those of the analyzer.
    """

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

"""The seam between the pool and what analyses: any engine that meets this can be served."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What to load: the part of the configuration that decides results.

    Args:
        name: The analyzer's name in requests.
        model: Kiwi's `model_type`; None takes the default model of the installed package.
        load: Further arguments of Kiwi's constructor, by Kiwi's names.
        options: Arguments of every `tokenize` call, by Kiwi's names.

    """

    name: str
    model: str | None
    load: Mapping[str, Any]
    options: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return JSON members from which `from_json` makes an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the value that the members describe."""
        return cls(**members)


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What was loaded, as it enters the fingerprint and `GET /v1/analyzers`."""

    engine: str
    model: str
    fingerprint: str


class Token(Protocol):
    """A token as engines return it: an attribute for every name in `wire.fields.TOKEN_FIELDS`."""

    form: str
    tag: str
    start: int
    end: int


class Engine(Protocol):
    """Analyses one document at a time, in one thread, and gives the same answer for the same text."""

    info: EngineInfo

    def analyze(self, text: str) -> Sequence[Token]:
        """Return the tokens of one text, offsets in its code points; raises whatever the engine raises."""
        ...

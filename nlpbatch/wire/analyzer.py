"""The answer of `GET /v1/analyzers`: the analyzers, their versions, the fields they offer and the size limits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from nlpbatch.wire.limits import SizeLimits


@dataclass(frozen=True, slots=True)
class AnalyzerInfo:
    """One analyzer of a service.

    Args:
        name: The name that requests use.
        fingerprint: Hash of all that decides its results; equal fingerprints give equal tokens.
        engine: Engine and version, such as "kiwipiepy 0.24.1".
        model: Model and version.
        options: The options it was configured with.
        fields: The token fields it offers.

    """

    name: str
    fingerprint: str
    engine: str
    model: str
    options: Mapping[str, Any]
    fields: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the members of the answer."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the value of one member of the answer's `analyzers`."""
        known = {name: members[name] for name in cls.__slots__}
        return cls(**known | {"fields": tuple(known["fields"])})


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole answer to `GET /v1/analyzers`."""

    analyzers: tuple[AnalyzerInfo, ...]
    limits: SizeLimits

    def to_json(self) -> dict[str, Any]:
        """Return the answer's members."""
        return {
            "analyzers": [analyzer.to_json() for analyzer in self.analyzers],
            "limits": self.limits.to_json(),
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the catalogue that an answer holds."""
        return cls(
            tuple(AnalyzerInfo.from_json(analyzer) for analyzer in members["analyzers"]),
            SizeLimits.from_json(members["limits"]),
        )

    def get(self, name: str) -> AnalyzerInfo | None:
        """Return the analyzer of that name."""
        return next((analyzer for analyzer in self.analyzers if analyzer.name == name), None)

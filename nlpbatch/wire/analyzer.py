"""The answer of `GET /v1/analyzers`: the analyzers, their versions, what they offer, and the size limits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nlpbatch.older_python import Self
from nlpbatch.wire.contract import CONTRACT_VERSION, check_contract
from nlpbatch.wire.limits import SizeLimits


@dataclass(frozen=True, slots=True)
class OfferedOperation:
    """Something that an analyzer can be asked for.

    Args:
        name: Of an operation of every engine, such as "analyze"; or what a function of one's own is called.
        path: Where to send requests for it.
        meaning: One line for people.
        result: Type of the results of a function of one's own, as `wire.results` has it; None for other operations.

    """

    name: str
    path: str
    meaning: str
    result: Any = None


@dataclass(frozen=True, slots=True)
class AnalyzerInfo:
    """One analyzer of a service.

    Args:
        name: The name that requests use.
        fingerprint: Hash of all that decides its results; equal fingerprints give equal tokens.
        engine: Engine and version, such as "kiwipiepy 0.24.1".
        model: Model and version.
        options: The options it was configured with.
        fields: The token fields it offers; none if it has no tokens.
        operations: What it can be asked for; empty in the answer of a service that doesn't say.
        tagset: The tag set of its tokens, a name of `wire.tags.TAGSETS`; '' if it has no tokens.

    """

    name: str
    fingerprint: str
    engine: str
    model: str
    options: Mapping[str, Any]
    fields: tuple[str, ...]
    operations: tuple[OfferedOperation, ...] = ()
    tagset: str = "kiwi"

    def to_json(self) -> dict[str, Any]:
        """Return the members of the answer."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the value of one member of the answer's `analyzers`."""
        offered = (OfferedOperation(**_known(one)) for one in members.get("operations", ()))
        return cls(
            members["name"],
            members["fingerprint"],
            members["engine"],
            members["model"],
            members["options"],
            tuple(members["fields"]),
            tuple(offered),
            members.get("tagset", "kiwi"),
        )

    def operation(self, name: str) -> OfferedOperation | None:
        """Return what it offers under a name."""
        return next((one for one in self.operations if one.name == name), None)


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that this version knows."""
    return {name: members[name] for name in OfferedOperation.__slots__ if name in members}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole answer to `GET /v1/analyzers`.

    Args:
        analyzers: The analyzers served.
        limits: Bounds of one request.
        contract: Version of the HTTP contract that the service speaks, such as "1.0".

    """

    analyzers: tuple[AnalyzerInfo, ...]
    limits: SizeLimits
    contract: str = CONTRACT_VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the answer's members."""
        return {
            "analyzers": [analyzer.to_json() for analyzer in self.analyzers],
            "limits": self.limits.to_json(),
            "contract": self.contract,
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the catalogue that an answer holds.

        Raises:
            UnexpectedAnswer: The service speaks another major version of the contract.

        """
        contract = check_contract(members.get("contract"))
        return cls(
            tuple(AnalyzerInfo.from_json(analyzer) for analyzer in members["analyzers"]),
            SizeLimits.from_json(members["limits"]),
            contract,
        )

    def get(self, name: str) -> AnalyzerInfo | None:
        """Return the analyzer of that name."""
        return next((analyzer for analyzer in self.analyzers if analyzer.name == name), None)

"""How large a request may be. The service states its own values on `GET /v1/analyzers`; these are the defaults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nlpbatch.older_python import Self

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
REQUEST_FRAMING_BYTES = 64 * KIB
"""Room in a body beside its text: the schema, and 4 bytes for each document of an Arrow request."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bounds of one request; a text over `text_bytes` costs that document an error, the others cost the request.

    Args:
        body_bytes: Largest request body.
        documents: Most documents in one request.
        text_bytes: Longest single document, in UTF-8: a third of a million syllables, which take 4 s.

    """

    body_bytes: int = 8 * MIB
    documents: int = 10_000
    text_bytes: int = MIB

    def to_json(self) -> dict[str, int]:
        """Return the members in `GET /v1/analyzers`."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the limits a service stated; unknown members of newer services are ignored."""
        return cls(**{name: int(members[name]) for name in cls.__slots__ if name in members})

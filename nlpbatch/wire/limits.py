"""How large a request may be. The service states its own values on `GET /v1/analyzers`; these are the defaults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

KIB = 1024
MIB = 1024 * KIB
REQUEST_FRAMING_BYTES = 64 * KIB
"""Room in a body beside its text: the schema, and 4 bytes for each document of an Arrow request."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bounds of one request; a text over `text_bytes` costs that document an error, the others cost the request.

    Args:
        body_bytes: Largest request body.
        documents: Most documents in one request.
        text_bytes: Longest single document, in UTF-8. Kiwi's time grows faster than the text's length
            (20,000 code points .22 s, 160,000 4.4 s), so one document must not occupy a worker for long.

    """

    body_bytes: int = 8 * MIB
    documents: int = 10_000
    text_bytes: int = 100_000

    def to_json(self) -> dict[str, int]:
        """Return the members as they stand in `GET /v1/analyzers`."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the limits a service stated; unknown members of newer services are ignored."""
        return cls(**{name: int(members[name]) for name in cls.__slots__ if name in members})

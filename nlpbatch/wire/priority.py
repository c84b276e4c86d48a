"""RFC 9218 urgency as this service uses it: two classes, interactive and batch."""

import re
from typing import Final

BATCH: Final = "u=6"
"""The priority that jobs send."""
_BATCH_FROM: Final = 5
_DEFAULT_URGENCY: Final = 3  # RFC 9218, section 4.1
_URGENCY = re.compile(r"(?:^|,)\s*u=([0-7])\s*(?:$|[,;])")


def is_batch(header: str | None) -> bool:
    """Return whether a `Priority` header asks for the batch class: urgency 5 to 7; 3 without one or if malformed."""
    found = _URGENCY.search(header or "")
    urgency = int(found[1]) if found else _DEFAULT_URGENCY
    return urgency >= _BATCH_FROM

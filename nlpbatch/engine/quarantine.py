"""Documents that cost several workers are refused for a while. Pure.

The number of documents is bounded, and the oldest make room. Of a text, only a hash and the length are kept.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.wire.outcome import QUARANTINED, DocumentError

_MAX_ENTRIES: Final = 1000
_OFFENCES: Final = 2
_FOR_S: Final = 3600.0


@dataclass(slots=True)
class _Offender:
    size_bytes: int
    codes: list[str]
    until_s: float


class Quarantine:
    """The offenders of one pool; a document is refused after its second offence."""

    def __init__(self) -> None:
        self._offenders: OrderedDict[bytes, _Offender] = OrderedDict()
        self._sizes: Counter[int] = Counter()

    def offend(self, document: bytes, code: str, now_s: float) -> None:
        """Count a worker that a document cost, with the error code."""
        digest = _digest(document)
        offender = self._offenders.pop(digest, None)
        if offender is None:
            offender = _Offender(len(document), [], 0.0)
            self._sizes[len(document)] += 1
        offender.codes.append(code)
        offender.until_s = now_s + _FOR_S
        self._offenders[digest] = offender
        self._forget(now_s)

    def find(self, documents: pa.Array, now_s: float) -> dict[int, DocumentError]:
        """Return the errors of those of `documents: binary[n]` that are refused, by position."""
        self._forget(now_s)
        if not self._offenders:
            return {}
        # Only documents that are as long as an offender are hashed.
        suspects = pc.is_in(pc.binary_length(documents), pa.array(list(self._sizes), pa.int32()))
        positions = pc.indices_nonzero(suspects).to_pylist()
        found = {position: self._refusal(documents[position].as_py()) for position in positions}
        return {position: error for position, error in found.items() if error is not None}

    def clear(self) -> None:
        """Give all of them another chance."""
        self._offenders.clear()
        self._sizes.clear()

    def to_json(self, now_s: float) -> list[dict[str, Any]]:
        """Return those that are refused, the latest first."""
        self._forget(now_s)
        return [
            {
                "sha256": digest.hex(),
                "size_bytes": offender.size_bytes,
                "codes": dict(Counter(offender.codes)),
                "refused_for_s": round(offender.until_s - now_s, 1),
            }
            for digest, offender in reversed(self._offenders.items())
            if _is_refused(offender.codes)
        ]

    def _refusal(self, document: bytes | None) -> DocumentError | None:
        offender = self._offenders.get(_digest(document)) if document is not None else None
        if offender is None or not _is_refused(offender.codes):
            return None
        return DocumentError(
            QUARANTINED,
            f"this text has cost {len(offender.codes)} workers ({', '.join(sorted(set(offender.codes)))}) and is "
            f"refused for {_FOR_S / 60:.0f} minutes: leave it out, or report it to the operator of the service",
        )

    def _forget(self, now_s: float) -> None:
        while self._offenders:
            digest, oldest = next(iter(self._offenders.items()))
            if oldest.until_s > now_s and len(self._offenders) <= _MAX_ENTRIES:
                return
            del self._offenders[digest]
            self._sizes[oldest.size_bytes] -= 1
            if not self._sizes[oldest.size_bytes]:
                del self._sizes[oldest.size_bytes]


def _is_refused(codes: Sequence[str]) -> bool:
    return len(codes) >= _OFFENCES


def _digest(document: bytes) -> bytes:
    return hashlib.sha256(document).digest()

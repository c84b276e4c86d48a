"""How much of the text repeats, seen from a sample, while no outcome is kept. Pure.

A text is in the sample by its hash, always or never: so the share of repeats in the sample is that in all of the text,
and a sample's 64th of the room finds repeats from as far back as the whole cache would (Waldspurger and others: SHARDS,
FAST 2015). A sample of requests would miss nearly all repeats, which are in two requests.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

_ONE_IN: Final = 64
SHARE: Final = 1 / _ONE_IN
"""Part of all documents that is sampled."""


@dataclass(frozen=True, slots=True)
class RepeatSample:
    """What was seen of some documents.

    Args:
        documents: In the sample.
        repeated_bytes: Of those among them that had been seen.

    """

    documents: int
    repeated_bytes: int


class Sketch:
    """Hashes of the sampled texts that came last.

    Args:
        window_documents: How far back repeats are found, in documents with different texts.
        hash_of: Returns equal numbers for equal texts; the default differs from process to process.

    """

    def __init__(self, window_documents: int, hash_of: Callable[[bytes], int] = hash) -> None:
        self._capacity = max(1, window_documents // _ONE_IN)
        self._hash_of = hash_of
        self._seen: OrderedDict[int, None] = OrderedDict()

    def see(self, documents: Iterable[bytes | None]) -> RepeatSample:
        """Add the documents, and return what was seen of them; null documents don't count."""
        sampled = repeated_bytes = 0
        hash_of, seen = self._hash_of, self._seen
        for document in documents:
            if document is None or (hashed := hash_of(document)) % _ONE_IN:
                continue
            sampled += 1
            if hashed in seen:
                repeated_bytes += len(document)
                seen.move_to_end(hashed)
            else:
                seen[hashed] = None
        while len(seen) > self._capacity:
            seen.popitem(last=False)
        return RepeatSample(sampled, repeated_bytes)

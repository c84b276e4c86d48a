"""Whether keeping outcomes pays: the seconds that it takes against the worker's seconds that it saves. Pure.

    on ──saved less than it took, over a window──> off
    off ──of a sample, so much repeats that it would save twice what it took──> on, with a new window

A window is as many documents as fit into the cache: before it has been full once, it can't show what it saves.
Both are sums that halve with each window, so that what was long ago counts less.
"""

from typing import Final

_MARGIN: Final = 2.0
"""How much more than its cost a cache that is off must promise, so that it doesn't go on and off."""
_MIN_SAMPLED: Final = 256


class Policy:
    """The decision for one kind of question; on to begin with.

    Args:
        window_documents: As many as the cache has room for.

    """

    def __init__(self, window_documents: int) -> None:
        self._window_documents = window_documents
        self._rate = _Decayed(window_documents)
        self._kept = _Decayed(window_documents)
        self._sampled = _Decayed(window_documents)
        self._cost_s = 0.0
        self.is_on = True

    def saving_s(self, size_bytes: int) -> float:
        """Return the worker's seconds that texts of that many bytes would take, as far as known."""
        return size_bytes * self._rate.ratio

    def analysed(self, documents: int, size_bytes: int, seconds: float) -> None:
        """Learn what an analysis takes.

        Args:
            documents: That workers analysed.
            size_bytes: Their bytes.
            seconds: Of workers.

        """
        self._rate.add(documents, gain=seconds, cost=size_bytes)

    def served(self, documents: int, *, saved_bytes: int, seconds: float) -> None:
        """Count a request that went through the cache, and turn the cache off if that doesn't pay.

        Args:
            documents: In the request.
            saved_bytes: Of those that weren't analysed.
            seconds: That the cache took, for these and the others.

        """
        self._kept.add(documents, gain=self.saving_s(saved_bytes), cost=seconds)
        if self._kept.documents >= self._window_documents and self._kept.gain < self._kept.cost:
            self.is_on = False
            self._cost_s = self._kept.cost / self._kept.weight
            self._sampled = _Decayed(self._window_documents)

    def sampled(self, documents: int, *, repeated_bytes: int, share: float) -> None:
        """Count a sample of the documents of a request while the cache is off, and turn it on if that would pay.

        Args:
            documents: In the sample.
            repeated_bytes: Of those among them that came before.
            share: Part of all documents that is sampled.

        """
        self._sampled.add(documents / share, gain=self.saving_s(repeated_bytes), cost=documents * self._cost_s)
        if self._sampled.documents * share >= _MIN_SAMPLED and self._sampled.gain > _MARGIN * self._sampled.cost:
            self.is_on = True
            self._kept = _Decayed(self._window_documents)


class _Decayed:
    """Sums of gain, cost and documents that halve with each window."""

    def __init__(self, window_documents: int) -> None:
        self._half_life = window_documents
        self.documents = 0.0
        self.weight = self.gain = self.cost = 0.0

    def add(self, documents: float, *, gain: float, cost: float) -> None:
        keep = 0.5 ** (documents / self._half_life)
        self.documents += documents
        self.weight = keep * self.weight + documents
        self.gain = keep * self.gain + gain
        self.cost = keep * self.cost + cost

    @property
    def ratio(self) -> float:
        """Return gain per cost."""
        return self.gain / self.cost if self.cost else 0.0

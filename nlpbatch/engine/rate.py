"""How many bytes of text one worker analyses per second, measured as results come in. Pure."""

from typing import Final

_WEIGHT: Final = 0.1
_FIRST_BYTES_PER_S: Final = 200_000.0
"""Until the first measurement: short reviews on one core."""


class AnalysisRate:
    """An exponentially weighted mean of the rate of one worker."""

    def __init__(self) -> None:
        self.bytes_per_s = _FIRST_BYTES_PER_S

    def measure(self, size_bytes: int, analysis_s: float) -> None:
        """Count a chunk by its bytes and seconds; one without bytes or time is ignored."""
        if size_bytes and analysis_s > 0:
            self.bytes_per_s += _WEIGHT * (size_bytes / analysis_s - self.bytes_per_s)

    def wait_s(self, queued_bytes: int, workers: int) -> float:
        """Return the seconds in which that many workers, at least one, analyse the queued bytes."""
        return queued_bytes / (self.bytes_per_s * max(1, workers))

"""Pure: medians and spreads of rounds, ratios of one contender to another, and whether they became worse."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

MIN_ROUNDS = 3
"""Fewer have no spread that says anything."""
KIWI, OTHERS = "Kiwi's", "not Kiwi's"


class NoVerdict(Exception):
    """Ratios can't be compared with those recorded; the message says why."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, with the least and the greatest of them."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return that of at least one value."""
        found = sorted(values)
        return cls(round(statistics.median(found), 4), round(found[0], 4), round(found[-1], 4), len(found))

    def to_json(self) -> dict[str, float]:
        """Return the members."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One contender against another, round by round, or a quotient within one.

    Args:
        spread: Of the rounds.
        is_more_better: Whether a greater one is better than a smaller one.

    """

    spread: Spread
    is_more_better: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the members."""
        return {"is_more_better": self.is_more_better, **self.spread.to_json()}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return what `to_json` made members of."""
        rest = dict(members)
        is_more_better = bool(rest.pop("is_more_better"))
        return cls(Spread(**rest), is_more_better)


def speeds(rounds: Sequence[Mapping[str, Any]], clock: str) -> list[float]:
    """Return documents a second of each round, by "seconds" (at work) or "process_s" (with its start)."""
    return [one["documents"] / one[clock] for one in rounds]


def cpu_overhead(measured: Mapping[str, Any], kiwi: str) -> float:
    """Return the CPU time of all processes but those that run Kiwi, divided by theirs."""
    cpu = measured["cpu_by_process_s"]
    return float((sum(cpu.values()) - cpu[kiwi]) / cpu[kiwi])


def against(job: Sequence[float], other: Sequence[float], *, is_more_better: bool = True) -> Ratio:
    """Return the quotients of figures that were measured in the same rounds."""
    return Ratio(Spread.of(mine / theirs for mine, theirs in zip(job, other, strict=True)), is_more_better)


def worse(now: Mapping[str, Ratio], recorded: Mapping[str, Ratio]) -> list[str]:
    """Return a sentence for each ratio that is worse than recorded, beyond the spread of both.

    It is if its best round is worse than the worst round that was recorded. Ratios that either side lacks are left out.

    Raises:
        NoVerdict: A ratio has fewer than `MIN_ROUNDS` rounds, or none is in both.

    """
    common = [name for name in recorded if name in now]
    if not common:
        raise NoVerdict("no ratio was both measured and recorded: measure the contenders that were recorded")
    few = [name for name in common if min(now[name].spread.rounds, recorded[name].spread.rounds) < MIN_ROUNDS]
    if few:
        raise NoVerdict(f"{few[0]!r} has fewer than {MIN_ROUNDS} rounds, which say nothing of its spread: --rounds 3")
    return [
        f"{name}: {now[name].spread.low:.3f} to {now[name].spread.high:.3f}, recorded "
        f"{recorded[name].spread.low:.3f} to {recorded[name].spread.high:.3f}"
        for name in common
        if _is_worse(now[name], recorded[name])
    ]


def _is_worse(now: Ratio, recorded: Ratio) -> bool:
    if recorded.is_more_better:
        return now.spread.high < recorded.spread.low
    return now.spread.low > recorded.spread.high

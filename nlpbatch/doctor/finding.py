"""What a check has found, and what to do about it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

State = Literal["fine", "skipped", "look", "failed"]
ORDER: Final[Sequence[State]] = ("fine", "skipped", "look", "failed")
"""From the best to the worst. Skipped is what nobody asked for, or what isn't installed and nothing here needs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: What, such as "java"; several findings may share a name.
        state: How it is.
        found: What was found, one line, without secrets and without texts.
        remedy: What to do; '' where there is nothing to do.
        details: The same as JSON values, for programs.

    """

    check: str
    state: State
    found: str
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON members."""
        return {
            "check": self.check,
            "state": self.state,
            "found": self.found,
            "remedy": self.remedy or None,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Args:
        name: Of the finding if there is no answer in time.
        run: Looks; blocks for as long as it takes.
        bound_s: After so many seconds the check counts as failed.
        late: What to do about that.

    """

    name: str
    run: Callable[[], Iterable[Finding]]
    bound_s: float = 15.0
    late: str = "look at what hangs, and try again"


def worst(findings: Iterable[Finding]) -> State:
    """Return the worst state among findings; fine without any."""
    return max((finding.state for finding in findings), key=ORDER.index, default="fine")

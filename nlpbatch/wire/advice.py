"""The proxy's advice to a job: how many requests to have under way."""

import re
from dataclasses import dataclass

from nlpbatch.older_python import Self

_MEMBER = re.compile(r"\s*(outstanding|wanted)\s*=\s*(\d{1,9})\s*")


@dataclass(frozen=True, slots=True)
class Advice:
    """The header `Nlpbatch-Advice: outstanding=200, wanted=24`.

    Args:
        outstanding: Requests of the job that are at the proxy now, those of all its tasks.
        wanted: How many would keep the job's share of the service busy; more only wait longer.

    """

    outstanding: int
    wanted: int

    def to_header(self) -> str:
        """Return the header's value."""
        return f"outstanding={self.outstanding}, wanted={self.wanted}"

    @classmethod
    def from_header(cls, value: str | None) -> Self | None:
        """Return the advice in a header, None if there is none or it is malformed; unknown members are ignored."""
        found = [_MEMBER.fullmatch(part) for part in (value or "").split(",")]
        members = {match[1]: int(match[2]) for match in found if match is not None}
        if members.keys() != {"outstanding", "wanted"}:
            return None
        return cls(**members)

"""When a run ends before its input does: a budget is used up. Pure; `now` is an argument."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nlpbatch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class InputBudget:
    """What one start may use. A micro-batch begins only while something is left, and then runs to its end.

    Args:
        max_bytes: Bytes of input files; no bound if None.
        until: Point in time; no bound if None.

    """

    max_bytes: int | None = None
    until: datetime | None = None

    def spent(self, done_bytes: int, now: datetime) -> str | None:
        """Return why no other micro-batch may start, in words; None if something is left."""
        if self.max_bytes is not None and done_bytes >= self.max_bytes:
            return f"the budget of {self.max_bytes:,} bytes is used up"
        if self.until is not None and now >= self.until:
            return f"it is {self.until:%Y-%m-%d %H:%M}"
        return None


def parse_until(text: str, now: datetime) -> datetime:
    """Return the point in time that "06:00" (the next one) or "2026-11-24T06:00" means, in local time.

    Raises:
        ConfigError: It means none, or one that has passed.

    """
    try:
        if len(text) <= len("06:00"):
            clock = datetime.strptime(text, "%H:%M")  # noqa: DTZ007  (a wall clock's time)
            next_one = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
            return next_one if next_one > now else next_one + timedelta(days=1)
        moment = datetime.fromisoformat(text).astimezone(now.tzinfo)
    except ValueError as error:
        raise ConfigError(f"until is {text!r}: write a time as 06:00 or 2026-11-24T06:00") from error
    if moment <= now:
        raise ConfigError(f"until is {text!r}, which has passed: it is {now:%Y-%m-%dT%H:%M}")
    return moment

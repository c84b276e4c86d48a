"""Looks at what the proxies want, and asks a target for it; whatever is away, it keeps what there is.

the lease is another scaler's ────> wait
no proxy knows what is wanted ────> keep
nothing bounds the number ────────> keep: a job takes as many workers as it gets
the target has what is wanted ────> say what is still pending, once
more is wanted, some is pending ──> keep, and say so, once: the cluster has no room for what was asked
else ─────────────────────────────> ask for it, and log why
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nlpbatch.errors import ServiceUnreachable
from proxy.scaler.targets import NotApplied, Target, Units

_log: Final = logging.getLogger("nlpbatch.scale")


class Lease(Protocol):
    """What one scaler at a time has; see `lease.ScalerLease`."""

    async def hold(self) -> str | None:
        """Take or renew it; return what keeps this scaler from it."""
        ...


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """How to scale.

    Args:
        workers_per_unit: Workers that a container or replica has.
        min_units: Never fewer.
        max_units: Never more; None for no bound but the proxies' own.
        dry_run: Whether to log only what would be done.

    """

    workers_per_unit: int = 1
    min_units: int = 0
    max_units: int | None = None
    dry_run: bool = False

    def units_for(self, workers: int) -> int:
        """Return the units that so many workers take, within the bounds."""
        units = max(self.min_units, math.ceil(workers / self.workers_per_unit))
        return units if self.max_units is None else min(units, self.max_units)


class Scaler:
    """One scaler of one target.

    Args:
        read: Returns what a proxy says of scaling; raises ServiceUnreachable.
        target: What is asked for units.
        options: How to scale.
        lease: None where there is no shared store, and so only one scaler may run.

    """

    def __init__(
        self, read: Callable[[], dict[str, Any]], target: Target, options: ScaleOptions, lease: Lease | None
    ) -> None:
        self._read, self._target, self._options, self._lease = read, target, options, lease
        self._asked: int | None = None
        self._said: tuple[str, str] | None = None
        self.held_up = False
        """Whether something kept the latest look from making true what is wanted."""

    async def look(self) -> int | None:
        """Do one round; return the units that were asked for, None if nothing was."""
        self.held_up = False
        if not await self._may_scale():
            return None
        try:
            scaling = await asyncio.to_thread(self._read)
            wanted, reason = int(scaling["wanted_workers"]), str(scaling["reason"])
            now = await self._target.now()
        except (ServiceUnreachable, NotApplied, KeyError, TypeError, ValueError) as error:
            self._keep("kept as it is", getattr(error, "message", str(error)))
            return None
        if self._options.max_units is None and scaling.get("max_workers") is None:
            remedy = "set max_workers in [scaling] of proxy.toml, or --max-units"
            self._keep("kept as it is", f"nothing bounds the number, and a job takes what it gets: {remedy}")
            return None
        return await self._apply(self._options.units_for(wanted), now, wanted, reason)

    async def run(self, period_s: float, stop: asyncio.Event) -> None:
        """Look in every period, until `stop` is set; a change that is under way ends first."""
        while not stop.is_set():
            await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), period_s)

    async def _may_scale(self) -> bool:
        held_up = None if self._lease is None else await self._lease.hold()
        if held_up is not None:
            self._asked = None  # another scaler may change it
            self._keep("waiting", held_up)
        return held_up is None

    async def _apply(self, units: int, now: Units, wanted: int, reason: str) -> int | None:
        there = self._asked if now.asked is None else now.asked
        if there == units:
            if now.pending:
                self._say("pending", f"{now.pending} of {units} have not started: the cluster has no room for them yet")
            else:
                self._said = None
            return None
        if now.pending and there is not None and units > there:
            self._keep(
                "pending", f"{now.pending} of {there} have not started: {units} are asked for when the cluster has room"
            )
            return None
        extra = {"units": units, "before": there, "wanted_workers": wanted, "reason": reason}
        if self._options.dry_run:
            self._asked = units if now.asked is None else None
            _log.info("would scale", extra=extra)
            return None
        if not await self._may_scale():  # the looks before may have taken longer than the lease lasts
            return None
        try:
            await self._target.apply(units)
        except NotApplied as error:
            self._keep("not scaled", f"{error}; {there if there is not None else 'what there is'} stays")
            return None
        self._asked, self._said = units, None
        _log.info("scaled", extra=extra)
        return units

    def _keep(self, event: str, reason: str) -> None:
        self.held_up = True
        self._say(event, reason)

    def _say(self, event: str, reason: str) -> None:
        """Log something that may last only when it changes."""
        if self._said != (event, reason):
            self._said = event, reason
            _log.warning(event, extra={"reason": reason})

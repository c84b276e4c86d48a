"""The audit log: who changed what, when, from what to what.

Each change is a line of the logger `nlpbatch.audit`, whatever the log level, and an entry: in the shared store, the
last 10,000 of the whole fleet; without one in memory, those of this process. While the store is away, entries wait
here. The log lines are the copy that lasts.
"""

import contextlib
import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol

from proxy.instants import iso
from proxy.shared.store import StoreAway

MAX_ENTRIES: Final = 10_000
_log = logging.getLogger("nlpbatch.audit")
_log.setLevel(logging.INFO)  # also where less is logged


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change.

    Args:
        address: Where the request came from; '' for none.
        by: Who is said to have sent it; '' if nobody said. Not checked: the admin listener knows no users.

    """

    address: str = ""
    by: str = ""


NOBODY: Final = Actor()
"""Nobody that is known: a change of the configuration file."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change.

    Args:
        id: Names it, so that one that was stored twice is shown once.
        at_s: When, in seconds since the epoch.
        proxy: Where.
        action: What was done, such as `key.create`.
        target: To what.
        before: What was; None if nothing.
        after: What is; None if nothing.
        address: See `Actor`.
        by: See `Actor`.

    """

    id: str
    at_s: float
    proxy: str
    action: str
    target: str
    before: Any = None
    after: Any = None
    address: str = ""
    by: str = ""

    @classmethod
    def parse(cls, text: bytes | str) -> "AuditEntry | None":
        """Return the entry in a JSON text; None if it is none."""
        try:
            entry = cls(**json.loads(text))
            iso(entry.at_s)
        except (ValueError, TypeError, OverflowError, OSError, RecursionError):
            return None
        return entry if isinstance(entry.id, str) else None

    def to_text(self) -> str:
        """Return what `parse` reads."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def to_json(self) -> dict[str, Any]:
        """Return it as operators see it."""
        members = asdict(self)
        del members["id"], members["at_s"]
        return {"at": iso(self.at_s)} | members


class Outlet(Protocol):
    """Where entries go."""

    async def append(self, texts: Sequence[str]) -> None:
        """Add entries; raise StoreAway if that may have failed."""
        ...


class AuditJournal(Outlet, Protocol):
    """Keeps the newest entries of all proxies."""

    async def read(self, limit: int) -> list[bytes]:
        """Return the newest entries, the newest first; raise StoreAway if the store doesn't answer."""
        ...


class Recorder:
    """Writes changes down, and passes their entries on.

    Args:
        proxy: Names it among others.
        instance: Names it for the time that it runs.
        now_s: Returns the time in seconds since the epoch.

    """

    def __init__(self, proxy: str, instance: str, now_s: Callable[[], float]) -> None:
        self._proxy = proxy
        self._instance = instance[:12]
        self._now_s = now_s
        self._count = 0
        self._unsent: deque[AuditEntry] = deque(maxlen=MAX_ENTRIES)
        self.journal: Outlet | None = None
        self.on_entry: Callable[[], None] | None = None
        """Called when an entry waits for the journal."""
        self.last_reload: dict[str, Any] | None = None
        """When a changed file was taken over the last time, and what differed; None if none was."""

    def record(self, action: str, target: str, actor: Actor, *, before: Any = None, after: Any = None) -> None:
        """Write down a change that has been made.

        Args:
            action: What was done, such as `key.create`.
            target: To what: a key's id, a tenant, a setting.
            actor: Who did it.
            before: What was, as JSON value without secrets.
            after: What is, likewise.

        """
        self._count += 1
        entry = AuditEntry(
            f"{self._instance}-{self._count}",
            self._now_s(),
            self._proxy,
            action,
            target,
            before,
            after,
            actor.address,
            actor.by,
        )
        _log.info(action, extra=entry.to_json())
        self.add(entry)

    def reloaded(self, generation: int, settings: dict[str, Any]) -> None:
        """Write down that a changed configuration file was taken over: its number, and what differs."""
        after = {"generation": generation, "settings": settings}
        self.last_reload = {"at": iso(self._now_s())} | after
        self.record("config.reload", "proxy.toml", NOBODY, after=after)

    def drained(self, actor: Actor, *, before: bool) -> None:
        """Write down that the proxy takes no new work from now on, and whether it was so before."""
        self.record("drain", "proxy", actor, before=before, after=True)

    def paused(self, tenant: str, actor: Actor, *, before: bool, after: bool) -> None:
        """Write down that a tenant was paused or resumed."""
        self.record("tenant.pause" if after else "tenant.resume", tenant, actor, before=before, after=after)

    def log_level_set(self, actor: Actor, *, before: str, after: str) -> None:
        """Write down another log level."""
        self.record("log_level", "proxy", actor, before=before, after=after)

    def add(self, entry: AuditEntry) -> None:
        """Keep an entry that is in the log already."""
        if self.journal is not None:
            self._unsent.append(entry)
            if self.on_entry is not None:
                self.on_entry()

    async def send(self) -> None:
        """Give the journal the entries that wait.

        Raises:
            StoreAway: It doesn't answer; the entries wait for the next call.

        """
        entries = list(self._unsent)
        if not entries or self.journal is None:
            return
        await self.journal.append([entry.to_text() for entry in entries])
        sent = {entry.id for entry in entries}
        self._unsent = deque((entry for entry in self._unsent if entry.id not in sent), MAX_ENTRIES)


class Audit(Recorder):
    """The audit log of one proxy: a recorder that also shows what was recorded."""

    journal: AuditJournal | None

    def __init__(self, proxy: str, instance: str, now_s: Callable[[], float]) -> None:
        super().__init__(proxy, instance, now_s)
        self.own: deque[AuditEntry] = deque(maxlen=MAX_ENTRIES)
        """Entries of this proxy, the oldest first."""

    def add(self, entry: AuditEntry) -> None:
        """Keep an entry that is in the log already."""
        self.own.append(entry)
        super().add(entry)

    async def take_over(self, texts: Iterable[str], ahead_s: float) -> None:
        """Keep entries of another recorder on this host, and give them to the journal.

        Args:
            texts: The entries; those that are here already change nothing.
            ahead_s: What its clock lacks of this one's.

        Raises:
            StoreAway: The journal doesn't have them yet.

        """
        known = {entry.id for entry in self.own}
        for entry in map(AuditEntry.parse, texts):
            if entry is not None and entry.id not in known:
                self.add(replace(entry, at_s=entry.at_s + ahead_s))
        await self.send()

    async def entries(self, since_s: float, limit: int) -> tuple[list[AuditEntry], bool]:
        """Return the newest entries since a time, the oldest first, and whether those of all proxies are among them.

        While the store is away, only this proxy's own are.
        """
        found: Iterable[AuditEntry] = self.own
        complete = self.journal is None
        if self.journal is not None:
            with contextlib.suppress(StoreAway):
                await self.send()
                found, complete = await self._stored(self.journal, limit), True
        recent = sorted((entry for entry in found if entry.at_s >= since_s), key=lambda entry: entry.at_s)
        return recent[-limit:], complete

    async def _stored(self, journal: AuditJournal, limit: int) -> Iterable[AuditEntry]:
        # The newest come first; of those of one millisecond, only their order says which was earlier.
        parsed = [AuditEntry.parse(text) for text in reversed(await journal.read(limit))]
        return {entry.id: entry for entry in parsed if entry is not None}.values()

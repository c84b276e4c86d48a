"""Issues and revokes keys while the proxy runs.

What is issued has to outlive the process: it goes into the shared store, or into `keys.file`, or both; with neither,
nothing is issued. A revocation holds at this proxy at once, whatever becomes of store and file.
"""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nlpbatch.errors import ConfigError, InvalidRequest, NotFound, ServiceUnreachable
from proxy.instants import iso
from proxy.key_records import MAX_KEYS, IssuedKey, Revocation
from proxy.keys import StoredKey, contains_key, make_key
from proxy.live import Live
from proxy.operating.key_file import KeyFile
from proxy.shared.store import StoreAway

_MAX_NOTE: Final = 200
_RETRY_AFTER_S: Final = 1.0
_log = logging.getLogger("nlpbatch.proxy")


class Copy(Protocol):
    """The records in a store that other proxies see."""

    def compare(self) -> None:
        """Write back at the next look what the store lacks."""
        ...

    async def sync(self) -> None:
        """Look at the store; raise StoreAway if it doesn't answer."""
        ...

    async def add(self, issued: IssuedKey) -> None:
        """Put a new key into the store; raise StoreAway if it doesn't answer."""
        ...


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of a revocation.

    Args:
        key: The key as `listed` shows it.
        changed: Whether it was valid, or merely expired, before.
        pending: Whether other proxies will learn of it only when the store is back.

    """

    key: dict[str, Any]
    changed: bool
    pending: bool


class KeyIssuer:
    """The keys of one proxy.

    Args:
        live: Has the configuration, and the records that are changed.
        shared: The store; None without one.
        file: The file; None without one.

    """

    def __init__(self, live: Live, shared: Copy | None, file: KeyFile | None) -> None:
        self._live = live
        self._shared = shared
        self._file = file

    async def create(self, tenant: str, expires_s: float | None, note: str, by: str) -> tuple[str, dict[str, Any]]:
        """Return a new key, which is shown this once, and how it is listed.

        Args:
            tenant: Whose it is.
            expires_s: From when on it is refused, in seconds since the epoch; None for never.
            note: At most 200 characters to find it by.
            by: Who makes it.

        Raises:
            NotFound: There is no such tenant.
            InvalidRequest: The time is over, the note is none, or there is nowhere to keep a key.
            ServiceUnreachable: The shared store is away.
            ConfigError: The file can't be written.

        """
        now_s = self._live.now_s()
        self._check(tenant, expires_s, note, now_s)
        key, stored = self._new_key()
        issued = IssuedKey(stored, tenant, now_s, expires_s, note, by)
        if self._shared is not None:
            await _stored(self._shared.add(issued), stored.key_id)
        records = self._live.records
        records.forget_old(now_s)
        records.issued[stored.key_id] = issued
        if self._shared is not None:
            await self.save_or_log()
            return key, self._listed(stored.key_id)
        try:
            await self._save()
        except ConfigError:
            del records.issued[stored.key_id]
            raise
        return key, self._listed(stored.key_id)

    async def revoke(self, key_id: str, by: str) -> Revoked:
        """Refuse a key from now on; requests under way finish.

        Raises:
            NotFound: No key has that id.
            ConfigError: The file can't be written: the key is refused, but only until this process ends.

        """
        if not self._knows(key_id):
            await self._share()  # another proxy may have issued it just now
        if not self._knows(key_id):
            raise NotFound(f"no key {key_id[:64]!r}: `nlpbatch proxy key list` shows all of them")
        changed = key_id not in self._live.records.revoked
        if changed:
            self._live.records.revoke(key_id, Revocation(self._live.now_s(), by))
        pending = await self._share()
        await self._save()
        return Revoked(self._listed(key_id), changed, pending)

    def listed(self, tenant: str | None = None) -> list[dict[str, Any]]:
        """Return all keys, or a tenant's, as JSON members: those of the configuration first, then by age.

        Raises:
            NotFound: There is no such tenant.

        """
        if tenant is not None:
            self._check_tenant(tenant)
        tenants = self._live.now.settings.tenants
        of_file = [entry.partition(":")[0] for settings in tenants.values() for entry in settings.keys]
        issued = sorted(self._live.records.issued.values(), key=lambda key: key.created_s)
        ids = dict.fromkeys([*of_file, *(key.stored.key_id for key in issued)])
        listed = [self._listed(key_id) for key_id in ids]
        return [key for key in listed if tenant is None or key["tenant"] == tenant]

    async def save_or_log(self) -> None:
        """Put the records into the file; a fault is only logged, because the store has them."""
        try:
            await self._save()
        except ConfigError as error:
            _log.error("keys.file not written", extra={"reason": error.message})

    async def _save(self) -> None:
        if self._file is not None:
            await self._file.save(self._live.records)

    def _knows(self, key_id: str) -> bool:
        return key_id in self._live.records.issued or self._live.now.keys.get(key_id) is not None

    async def _share(self) -> bool:
        """Tell the store what it lacks; return whether it is away."""
        if self._shared is None:
            return False
        self._shared.compare()
        try:
            await self._shared.sync()
        except StoreAway:
            return True
        return False

    def _new_key(self) -> tuple[str, StoredKey]:
        while True:
            key, entry = make_key()
            stored = StoredKey.parse(entry)
            if stored is not None and not self._knows(stored.key_id):
                return key, stored

    def _check(self, tenant: str, expires_s: float | None, note: str, now_s: float) -> None:
        self._check_tenant(tenant)
        if expires_s is not None and expires_s <= now_s:
            raise InvalidRequest(
                f"expires_at {iso(expires_s)} is over, it is {iso(now_s)}: give a time in the future",
                path="/expires_at",
            )
        if len(note) > _MAX_NOTE or not note.isprintable():
            raise InvalidRequest(
                f"the note has {len(note):,} characters: give at most {_MAX_NOTE}, on one line", path="/note"
            )
        if contains_key(note):
            raise InvalidRequest("the note has a key in it, which would be stored: leave it out", path="/note")
        if self._shared is None and self._file is None:
            raise InvalidRequest(
                "this proxy has nowhere to keep an issued key: set keys.file, or shared.url, and restart it; or make "
                f"one with nlpbatch proxy key --tenant {tenant} and put its hash into proxy.toml"
            )
        if len(self._live.records.issued) >= MAX_KEYS:
            raise InvalidRequest(
                f"there are {MAX_KEYS:,} issued keys, which is the limit: revoke some; they make room after 30 days"
            )

    def _check_tenant(self, tenant: str) -> None:
        tenants = self._live.now.settings.tenants
        if tenant not in tenants:
            raise NotFound(f"no tenant {tenant[:64]!r}: choose from {', '.join(tenants)}")

    def _listed(self, key_id: str) -> dict[str, Any]:
        issued, of_file = self._live.records.issued.get(key_id), self._live.now.keys.get(key_id)
        ended = self._live.records.ended(key_id, self._live.now_s())
        revocation = self._live.records.revoked.get(key_id)
        members = {
            "id": key_id,
            "tenant": of_file[1] if of_file is not None else issued and issued.tenant,
            "source": "file" if of_file is not None else "issued",
            "state": "active" if ended is None else ended.cause,
            "created_at": issued and iso(issued.created_s),
            "created_by": (issued and issued.by) or None,
            "expires_at": iso(issued.expires_s) if issued is not None and issued.expires_s is not None else None,
            "revoked_at": iso(revocation.at_s) if revocation is not None and revocation.at_s else None,
            "revoked_by": (revocation and revocation.by) or None,
            "note": (issued and issued.note) or None,
        }
        if members["tenant"] not in self._live.now.settings.tenants and ended is None:
            members["state"] = "tenant unknown"
        return members


async def _stored(adding: Awaitable[None], key_id: str) -> None:
    try:
        await adding
    except StoreAway as error:
        raise ServiceUnreachable(
            "the shared store is away: no key was issued, try again when it is back; if `nlpbatch proxy key list` "
            f"then shows {key_id}, revoke that one, since nobody has its secret",
            retry_after_s=_RETRY_AFTER_S,
        ) from error

"""Keys that are made and revoked while proxies run, as each proxy, the shared store and the keys' file have them.

These records only grow: what was issued never changes, and a revocation is never undone. So copies that have diverged,
because the store was away, flushed or restored from a backup, are merged by taking what either has, in any order.
Times are in seconds since the epoch, by the store's clock where there is a store. Pure.

As fields, names to JSON members:

    ID            what was issued: tenant, entry (id:salt:hash), created, expires, note, by
    ID:revoked    a revocation, also of a key of the configuration file: at, by
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeGuard

from proxy.keys import StoredKey

MAX_KEYS: Final = 10_000
"""Issued keys at a time."""
KEPT_S: Final = 30 * 24 * 3600.0
"""How long an issued key is listed after it has ended; its revocation is kept for good."""
REVOKED: Final = ":revoked"
"""Ends the names of fields that are revocations."""
_KEY_ID: Final = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key that was made while a proxy ran.

    Args:
        stored: Its id, salt and hash.
        tenant: Whose it is.
        created_s: When it was made.
        expires_s: From when on it is refused; None for never.
        note: What the operator wrote down with it.
        by: Who made it; '' if nobody said.

    """

    stored: StoredKey
    tenant: str
    created_s: float
    expires_s: float | None = None
    note: str = ""
    by: str = ""

    @classmethod
    def parse(cls, key_id: str, members: Any) -> Self | None:
        """Return the key that these members describe, None if they describe none of that id."""
        if not isinstance(members, dict):
            return None
        stored = StoredKey.parse(str(members.get("entry")))
        tenant, note, by = (members.get(name) for name in ("tenant", "note", "by"))
        created_s, expires_s = members.get("created"), members.get("expires")
        if stored is None or stored.key_id != key_id or not _is_time(created_s):
            return None
        if not all(isinstance(text, str) for text in (tenant, note, by)):
            return None
        if expires_s is not None and not _is_time(expires_s):
            return None
        return cls(stored, str(tenant), float(created_s), expires_s, str(note), str(by))

    def to_members(self) -> dict[str, Any]:
        """Return what `parse` reads."""
        return {
            "tenant": self.tenant,
            "entry": self.stored.entry,
            "created": self.created_s,
            "expires": self.expires_s,
            "note": self.note,
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key's end by an operator.

    Args:
        at_s: When.
        by: Who revoked it; '' if nobody said.

    """

    at_s: float
    by: str = ""

    @classmethod
    def parse(cls, members: Any) -> Self:
        """Return the revocation; one that can't be read is one all the same, of an unknown time."""
        if not isinstance(members, dict) or not _is_time(members.get("at")):
            return cls(0.0)
        return cls(float(members["at"]), str(members.get("by", "")))

    def to_members(self) -> dict[str, Any]:
        """Return what `parse` reads."""
        return {"at": self.at_s, "by": self.by}


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a key is refused though its secret is right, and since when."""

    cause: Literal["revoked", "expired"]
    at_s: float


class KeyRecords:
    """All that one proxy knows of keys made and revoked while proxies run."""

    def __init__(self) -> None:
        self.issued: dict[str, IssuedKey] = {}
        """By their ids."""
        self.revoked: dict[str, Revocation] = {}
        """By the ids of the keys, which may be issued or of the configuration file."""

    def learn(self, fields: Mapping[str, Any]) -> tuple[bool, list[str]]:
        """Add what these fields say.

        Args:
            fields: Names to members; see the file's beginning.

        Returns:
            Whether anything was new, and the names of the fields that can't be read.

        """
        before, unreadable = (len(self.issued), dict(self.revoked)), []
        for name, members in fields.items():
            key_id = name.removesuffix(REVOKED)
            if not _KEY_ID.fullmatch(key_id):
                unreadable.append(name)
            elif name.endswith(REVOKED):
                self.revoke(key_id, Revocation.parse(members))
            elif (issued := IssuedKey.parse(key_id, members)) is not None:
                self.issued.setdefault(key_id, issued)
            else:
                unreadable.append(name)
        return before != (len(self.issued), self.revoked), unreadable

    def revoke(self, key_id: str, revocation: Revocation) -> None:
        """Note a revocation; of several of the same key the first counts, and a known time before an unknown one."""
        known = self.revoked.get(key_id)
        if known is None or (revocation.at_s and (not known.at_s or revocation.at_s < known.at_s)):
            self.revoked[key_id] = revocation

    def ended(self, key_id: str, now_s: float) -> Ended | None:
        """Return why a key is refused; None if it is valid, as far as these records know."""
        revocation = self.revoked.get(key_id)
        if revocation is not None:
            return Ended("revoked", revocation.at_s)
        issued = self.issued.get(key_id)
        if issued is None or issued.expires_s is None or now_s < issued.expires_s:
            return None
        return Ended("expired", issued.expires_s)

    def forget_old(self, now_s: float) -> list[str]:
        """Drop issued keys that ended long ago, and return their ids; revocations stay."""
        old = []
        for key_id in self.issued:
            ended = self.ended(key_id, now_s)
            if ended is not None and now_s > max(ended.at_s, self.issued[key_id].created_s) + KEPT_S:
                old.append(key_id)
        for key_id in old:
            del self.issued[key_id]
        return old

    def to_fields(self) -> dict[str, dict[str, Any]]:
        """Return everything as fields."""
        issued = {key_id: key.to_members() for key_id, key in self.issued.items()}
        return issued | {f"{key_id}{REVOKED}": one.to_members() for key_id, one in self.revoked.items()}


def read_members(fields: Iterable[tuple[str, str | bytes]]) -> dict[str, Any]:
    """Return fields whose members are JSON texts; None for what isn't JSON."""
    return {name: _members(text) for name, text in fields}


def _members(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_time(value: Any) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return 0 <= value < 253402300800  # noqa: PLR2004  (the year 10000, which no date has)

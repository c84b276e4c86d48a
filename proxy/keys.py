"""Bearer keys: made once, shown once, stored as salted hashes.

A key is `nlpb_ID_SECRET`. The id finds the stored entry at once; the secret has 256 bits from the system's random
source, so one round of SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

_KEY = re.compile(r"nlpb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_ENTRY = re.compile(r"([0-9a-f]{12}):([0-9a-f]{16}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as the configuration has it."""

    key_id: str
    salt: str
    digest: str

    @classmethod
    def parse(cls, entry: str) -> Self | None:
        """Return the stored key in `id:salt:hash`, None if it isn't one."""
        found = _ENTRY.fullmatch(entry)
        return cls(*found.groups()) if found else None

    @property
    def entry(self) -> str:
        """Return it as the configuration has it."""
        return f"{self.key_id}:{self.salt}:{self.digest}"

    def matches(self, secret: str) -> bool:
        """Return whether the secret is this key's, in time that doesn't depend on how much of it is right."""
        return hmac.compare_digest(_digest(self.salt, secret), self.digest)


def make_key() -> tuple[str, str]:
    """Return a new key, to be shown once, and its entry for the configuration."""
    key_id, salt, secret = secrets.token_hex(6), secrets.token_hex(8), secrets.token_urlsafe(32)
    return f"nlpb_{key_id}_{secret}", f"{key_id}:{salt}:{_digest(salt, secret)}"


class KeyRing:
    """Finds the tenant of a key.

    Args:
        entries: Stored keys by tenant; all of them valid and none twice.

    """

    def __init__(self, entries: Mapping[str, Iterable[str]]) -> None:
        self._keys = {
            stored.key_id: (stored, tenant)
            for tenant, tenant_entries in entries.items()
            for entry in tenant_entries
            if (stored := StoredKey.parse(entry)) is not None
        }

    def get(self, key_id: str) -> tuple[StoredKey, str] | None:
        """Return the stored key of that id and its tenant; None if unknown."""
        return self._keys.get(key_id)

    def find(self, authorization: str | None) -> tuple[str, str] | None:
        """Return tenant and key id of an `Authorization: Bearer KEY` header; None if missing, malformed or unknown."""
        given = split_key(authorization)
        found = self.get(given[0]) if given is not None else None
        if given is None or found is None:
            return None
        stored, tenant = found
        return (tenant, stored.key_id) if stored.matches(given[1]) else None


def split_key(authorization: str | None) -> tuple[str, str] | None:
    """Return id and secret of an `Authorization: Bearer KEY` header; None if missing or malformed."""
    scheme, _, key = (authorization or "").partition(" ")
    found = _KEY.fullmatch(key.strip())
    return (found[1], found[2]) if scheme.lower() == "bearer" and found is not None else None


def contains_key(text: str) -> bool:
    """Return whether a whole key stands somewhere in a text, which is then not to be stored or shown."""
    return _KEY.search(text) is not None


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode()).hexdigest()

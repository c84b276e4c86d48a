"""The configuration in force: an immutable snapshot behind one reference, which a reload swaps; and whose a key is."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from nlpbatch.errors import Unauthenticated
from nlpbatch.serving.tls import client_context
from proxy.config import ClassName, ProxySettings
from proxy.instants import iso
from proxy.key_records import Ended, KeyRecords
from proxy.keys import KeyRing, StoredKey, split_key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One configuration, with everything that is made of it before it is in force.

    Args:
        settings: The configuration.
        generation: 1 at the start, one more after each reload.
        keys: Finds the tenant of a key.
        classes: What each tenant's requests may claim to be.
        tls: What https backends are checked against.

    """

    settings: ProxySettings
    generation: int
    keys: KeyRing
    classes: Mapping[str, frozenset[ClassName]]
    tls: ssl.SSLContext

    @classmethod
    def of(cls, settings: ProxySettings, generation: int = 1) -> Self:
        """Return the snapshot of a configuration.

        Raises:
            ConfigError: The certificates that https backends are checked against can't be used.

        """
        keys = KeyRing({name: tenant.keys for name, tenant in settings.tenants.items()})
        classes = {name: frozenset(tenant.classes) for name, tenant in settings.tenants.items()}
        return cls(settings, generation, keys, classes, _backend_tls(settings))


def _backend_tls(settings: ProxySettings) -> ssl.SSLContext:
    upstream = settings.upstream
    return client_context(upstream.ca_file, upstream.cert_file, upstream.key_file)


class Live:
    """What is in force now: whoever needs a setting reads it here each time.

    Args:
        now: The snapshot to begin with; a reload replaces it.
        now_s: Returns the time in seconds since the epoch, by which keys expire.

    """

    def __init__(self, now: Snapshot, now_s: Callable[[], float] = time.time) -> None:
        self.now = now
        self.records = KeyRecords()
        """Keys that were made and revoked while proxies ran, beside those of the configuration."""
        self.now_s = now_s

    def authenticate(self, authorization: str | None) -> tuple[str, str]:
        """Return the tenant and the id of the key in an `Authorization: Bearer KEY` header.

        Raises:
            Unauthenticated: No key, an unknown one, or one that has expired or was revoked. Only a caller that has the
                key's secret learns the latter.

        """
        given = split_key(authorization)
        found = self.now.keys.get(given[0]) or self._issued(given[0]) if given is not None else None
        if given is None or found is None or not found[0].matches(given[1]):
            raise Unauthenticated(
                "no API key that this proxy knows: send Authorization: Bearer KEY, with a key from its operator"
            )
        stored, tenant = found
        key_id = stored.key_id
        if key_id in self.records.issued or key_id in self.records.revoked:  # others never end
            ended = self.records.ended(key_id, self.now_s())
            if ended is not None:
                raise Unauthenticated(
                    f"the key {key_id} {_since(ended)}: ask the operator for a new one", cause=ended.cause
                )
        return tenant, key_id

    def _issued(self, key_id: str) -> tuple[StoredKey, str] | None:
        issued = self.records.issued.get(key_id)
        if issued is None or issued.tenant not in self.now.settings.tenants:
            return None
        return issued.stored, issued.tenant


def _since(ended: Ended) -> str:
    at = f" at {iso(ended.at_s)}" if ended.at_s else ""
    return f"has expired{at}" if ended.cause == "expired" else f"was revoked{at}"

"""The configuration in force: an immutable snapshot behind one reference, which a reload swaps."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from nlpbatch.serving.tls import client_context
from proxy.config import ClassName, ProxySettings
from proxy.keys import KeyRing


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
        return cls(settings, generation, keys, classes, client_context(settings.upstream.ca_file))


class Live:
    """What is in force now: whoever needs a setting reads it here each time.

    Args:
        now: The snapshot to begin with; a reload replaces it.

    """

    def __init__(self, now: Snapshot) -> None:
        self.now = now

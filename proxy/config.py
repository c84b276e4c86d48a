"""The proxy's whole configuration as frozen values; `conf/proxy.toml` shows every key with its reason."""

from collections import Counter
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from nlpbatch.serving.lifecycle import Listen
from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB, SizeLimits
from proxy.keys import StoredKey

GIB = 1024 * MIB


def _backend_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not the address of an API: give one such as http://10.0.0.5:8701")
    return url.rstrip("/")


def _stored_key(entry: str) -> str:
    if StoredKey.parse(entry) is None:
        # The entry itself is not repeated: somebody may have pasted the key.
        raise ValueError("not a stored key (id:salt:hash): make one with nlpbatch proxy key")
    return entry


BackendUrl = Annotated[str, AfterValidator(_backend_url)]
KeyEntry = Annotated[str, AfterValidator(_stored_key)]
TenantName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ListenSettings(Settings):
    """Where callers come in."""

    host: str = "127.0.0.1"
    port: int = Field(8700, ge=0, le=65535)
    drain_timeout_s: float = Field(30.0, ge=0, le=3600)

    def to_listen(self) -> Listen:
        """Return the value that `serving.lifecycle` takes."""
        return Listen(self.host, self.port, self.drain_timeout_s)


class LimitSettings(Settings):
    """What may be under way."""

    in_flight: int = Field(8, ge=1, le=100_000)
    """Requests at one backend at a time."""
    body_bytes: int = Field(SizeLimits().body_bytes, ge=KIB, le=GIB)
    body_timeout_s: float = Field(30.0, gt=0, le=3600)
    """How long an admitted caller may take to send its body: it holds a place meanwhile."""


class QueueSettings(Settings):
    """What may wait, for each tenant."""

    requests: int = Field(2000, ge=0, le=1_000_000)
    size_bytes: int = Field(256 * MIB, ge=0, le=64 * GIB)
    max_wait_s: float = Field(30.0, ge=0, le=3600)
    """A request that would wait longer is refused on arrival; one that has waited so long, then."""


class UpstreamSettings(Settings):
    """How long a backend may take."""

    connect_timeout_s: float = Field(2.0, gt=0, le=60)
    timeout_s: float = Field(120.0, gt=0, le=3600)
    health_period_s: float = Field(1.0, ge=0.05, le=60)
    """Each backend's /readyz is asked so often."""


class BackendSettings(Settings):
    """One API replica."""

    url: BackendUrl


class TenantSettings(Settings):
    """One group of callers that share a queue and a weight."""

    keys: Annotated[list[KeyEntry], Field(min_length=1)]
    weight: float = Field(1.0, gt=0, le=1000)
    """Its share of the service, next to the others', while they all have work waiting."""


class ProxySettings(Settings):
    """The whole of `proxy.toml`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    listen: ListenSettings = ListenSettings()
    limits: LimitSettings = LimitSettings()
    queue: QueueSettings = QueueSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    backends: Annotated[list[BackendSettings], Field(min_length=1)]
    tenants: Annotated[dict[TenantName, TenantSettings], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_doubles(self) -> Self:
        urls = Counter(backend.url for backend in self.backends)
        doubled = [f"backend {url} is listed {count} times: list it once" for url, count in urls.items() if count > 1]
        owners: dict[str, list[str]] = {}
        for tenant, settings in self.tenants.items():
            for entry in settings.keys:
                owners.setdefault(entry.partition(":")[0], []).append(tenant)
        for key_id, names in owners.items():
            if len(names) > 1:
                doubled.append(f"key {key_id} belongs to {' and '.join(names)}: give each tenant keys of its own")
        if doubled:
            raise ValueError("; ".join(doubled))
        return self

"""The proxy's whole configuration as frozen values; `conf/proxy.toml` shows every key with its reason."""

from collections import Counter
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from nlpbatch.serving.listen import ListenSettings
from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB, SizeLimits
from proxy.keys import StoredKey

GIB = 1024 * MIB


def _backend_url(url: str) -> str:
    if not _is_address(url):
        raise ValueError("not the address of an API: give one such as http://10.0.0.5:8701")
    return url.rstrip("/")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that don't match, a port that is none
        return False
    # No credentials: addresses stand in logs, metrics and on /readyz.
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or any(map(str.isspace, url)))
    return named and plain and parts.scheme in {"http", "https"}


def _stored_key(entry: str) -> str:
    if StoredKey.parse(entry) is None:
        raise ValueError("not a stored key (id:salt:hash): make one with nlpbatch proxy key")
    return entry


BackendUrl = Annotated[str, AfterValidator(_backend_url)]
KeyEntry = Annotated[str, AfterValidator(_stored_key)]
TENANT_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TenantName = Annotated[str, StringConstraints(pattern=TENANT_NAME)]


class ProxyListen(ListenSettings):
    """Where callers come in."""

    port: int = Field(8700, ge=0, le=65535)


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
    weight: float = Field(1.0, ge=0.001, le=1000)
    """Its share of the service, next to the others', while they all have work waiting."""

    @model_validator(mode="before")
    @classmethod
    def _hide_keys(cls, members: Any) -> Any:
        """Put a placeholder for whatever is no stored key: messages repeat what is wrong, and it may be the key."""
        if not isinstance(members, dict):
            return _hide(members)
        if "keys" not in members:
            return members
        keys = members["keys"]
        return members | {"keys": [_hide(entry) for entry in keys] if isinstance(keys, list) else _hide(keys)}


def _hide(entry: Any) -> Any:
    return "(not shown)" if isinstance(entry, str) and StoredKey.parse(entry) is None else entry


def _each_backend_once(backends: list[BackendSettings]) -> list[BackendSettings]:
    counts = Counter(backend.url for backend in backends)
    _refuse([f"{url} is listed {count} times: list it once" for url, count in counts.items() if count > 1])
    return backends


def _each_key_once(tenants: dict[str, TenantSettings]) -> dict[str, TenantSettings]:
    owners: dict[str, list[str]] = {}
    for tenant, settings in tenants.items():
        for entry in settings.keys:
            owners.setdefault(entry.partition(":")[0], []).append(tenant)
    _refuse(
        [
            f"key {key_id} is listed by {' and '.join(names)}: list it once, each tenant has keys of its own"
            for key_id, names in owners.items()
            if len(names) > 1
        ]
    )
    return tenants


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ValueError("; ".join(faults))


class ProxySettings(Settings):
    """The whole of `proxy.toml`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    listen: ProxyListen = ProxyListen()
    limits: LimitSettings = LimitSettings()
    queue: QueueSettings = QueueSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    backends: Annotated[list[BackendSettings], Field(min_length=1), AfterValidator(_each_backend_once)]
    tenants: Annotated[dict[TenantName, TenantSettings], Field(min_length=1), AfterValidator(_each_key_once)]

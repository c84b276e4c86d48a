"""The proxy's whole configuration as frozen values; `conf/proxy.toml` shows every key with its reason."""

from collections import Counter
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nlpbatch.serving.failed_keys import PER_MINUTE
from nlpbatch.serving.listen import ListenSettings
from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB, SizeLimits
from proxy.config_admin import AdminSettings
from proxy.config_ledger import LedgerSettings
from proxy.config_service import RegistrationSettings, RequestLogSettings, ScalingSettings
from proxy.config_shared import PeerSettings, SharedSettings
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
    # No credentials: addresses appear in logs, metrics and on /readyz.
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or any(map(str.isspace, url)))
    return named and plain and parts.scheme in {"http", "https"}


def _stored_key(entry: str) -> str:
    if StoredKey.parse(entry) is None:
        raise ValueError("not a stored key (id:salt:hash): make one with nlpbatch proxy key --tenant NAME")
    return entry


BackendUrl = Annotated[str, AfterValidator(_backend_url)]
KeyEntry = Annotated[str, AfterValidator(_stored_key)]
TENANT_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TenantName = Annotated[str, StringConstraints(pattern=TENANT_NAME)]
ClassName = Literal["interactive", "batch"]


NEEDS_RESTART: Final = ("listen", "admin", "shared", "peer", "ledger", "request_log", "keys")
"""Groups about open sockets, connections and files: a reload leaves them as they were."""


class ProxyListen(ListenSettings):
    """Where callers come in."""

    port: int = Field(8700, ge=0, le=65535)


class LimitSettings(Settings):
    """How large a request may be, and how slow its sender."""

    body_bytes: int = Field(SizeLimits().body_bytes, ge=KIB, le=GIB)
    body_timeout_s: float = Field(30.0, gt=0, le=3600)
    """How long an admitted caller may take to send its body: it holds a slot meanwhile."""
    failed_keys_per_minute: int = Field(PER_MINUTE, ge=1, le=1_000_000)
    """Requests without a valid key from one address that are answered with the reason; further ones have to wait."""


class QuotaSettings(Settings):
    """What may be sent, in bytes and in requests at a time; what is left out is not limited."""

    bytes_per_s: int | None = Field(None, ge=1, le=1024 * GIB)
    burst_bytes: int | None = Field(None, ge=1, le=1024 * GIB)
    """What may be sent at once after a pause; without it, 10 seconds' worth, at least 8 MiB."""
    concurrency: int | None = Field(None, ge=1, le=1_000_000)
    """Requests at a time, those that wait included."""

    @model_validator(mode="after")
    def _burst_has_a_rate(self) -> Self:
        if self.burst_bytes is not None and self.bytes_per_s is None:
            raise ValueError("burst_bytes without bytes_per_s limits nothing: set bytes_per_s, or leave both out")
        return self


class BudgetSettings(Settings):
    """What a tenant may send in all; what is left out is not limited."""

    bytes_per_day: int | None = Field(None, ge=1, le=1024 * 1024 * GIB)
    """In a day of UTC, by the clock of the shared store."""
    bytes_per_month: int | None = Field(None, ge=1, le=1024 * 1024 * GIB)
    """In a calendar month of UTC."""


class QueueSettings(Settings):
    """What each tenant may have waiting, of each class."""

    requests: int = Field(2000, ge=0, le=1_000_000)
    size_bytes: int = Field(256 * MIB, ge=0, le=64 * GIB)


class ClassSettings(Settings):
    """One class of requests: interactive, or batch."""

    weight: float = Field(1.0, ge=0.001, le=1000)
    """Its share of the service, next to the other class's, while both have work waiting."""
    max_wait_s: float = Field(30.0, ge=0, le=3600)
    """A request that would wait longer is refused on arrival; one that has waited so long, then."""
    target_delay_s: float = Field(10.0, gt=0, le=3600)
    """While even the shortest wait of an interval is over it, what has waited twice as long is refused (CoDel)."""
    interval_s: float = Field(10.0, gt=0, le=3600)


class InteractiveSettings(ClassSettings):
    """Requests that somebody waits for."""

    max_wait_s: float = Field(10.0, ge=0, le=3600)
    target_delay_s: float = Field(0.5, gt=0, le=3600)
    interval_s: float = Field(1.0, gt=0, le=3600)
    extra_slots: int = Field(4, ge=0, le=10_000)
    """Slots at each backend beyond its limit, which only this class may take, and only within its share."""


class ClassesSettings(Settings):
    """Both classes; `Priority` chooses, within what the tenant may claim."""

    interactive: InteractiveSettings = InteractiveSettings()
    batch: ClassSettings = ClassSettings()


class ConcurrencySettings(Settings):
    """How many requests a backend may have at a time."""

    policy: Literal["adaptive", "fixed"] = "adaptive"
    per_worker: float = Field(2.0, ge=0.1, le=1000)
    """Slots for each worker that the backend states: the beginning of `adaptive`, all of `fixed`."""
    max_per_worker: float = Field(4.0, ge=0.1, le=1000)
    """As far as `adaptive` goes."""

    @model_validator(mode="after")
    def _max_is_max(self) -> Self:
        if self.policy == "adaptive" and self.max_per_worker < self.per_worker:
            raise ValueError(
                f"max_per_worker {self.max_per_worker:g} is under per_worker {self.per_worker:g}: raise it"
            )
        return self


class UpstreamSettings(Settings):
    """How backends are watched, and what becomes of one that fails."""

    connect_timeout_s: float = Field(2.0, gt=0, le=60)
    timeout_s: float = Field(120.0, gt=0, le=3600)
    health_period_s: float = Field(1.0, ge=0.05, le=60)
    """Each backend's /readyz is asked so often."""
    resolve_period_s: float = Field(10.0, ge=0.05, le=3600)
    """Names of backends with `resolve` are looked up so often."""
    retry_ratio: float = Field(0.2, ge=0, le=1)
    """Requests that may be sent to a second backend, per request."""
    retry_min: int = Field(3, ge=0, le=1000)
    """And as many each 10 seconds, however few requests there are."""
    eject_failures: int = Field(5, ge=1, le=1000)
    """Different requests in a row that a backend must fail to be ejected."""
    eject_s: float = Field(30.0, gt=0, le=3600)
    """For how long, times how often in a row."""
    eject_max_s: float = Field(300.0, gt=0, le=24 * 3600)
    ca_file: str | None = None
    """Certificates that https backends are checked against; without it, the system's."""
    cert_file: str | None = None
    """A certificate to show to https backends that ask for one ([listen.tls] client_ca_file in their server.toml)."""
    key_file: str | None = None

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both, or neither")
        return self


class ReplaySettings(Settings):
    """Answers kept for a request that comes again with the same Idempotency-Key."""

    size_bytes: int = Field(64 * MIB, ge=0, le=64 * GIB)
    """All of them together; 0 keeps none."""
    answer_bytes: int = Field(4 * MIB, ge=0, le=GIB)
    """A larger answer isn't kept."""
    ttl_s: float = Field(600.0, gt=0, le=24 * 3600)


class KeysSettings(Settings):
    """Keys that are made and revoked while the proxy runs."""

    file: str | None = Field(None, min_length=1)
    """Where they are kept, as salted hashes, so that a restart forgets neither a key nor a revocation."""


class BackendSettings(Settings):
    """One API replica, or a name with the addresses of several."""

    url: BackendUrl
    resolve: bool = False
    """Whether each address that the name has is a backend of its own."""


class TenantSettings(Settings):
    """One group of callers that share a queue, a weight and a quota."""

    keys: Annotated[list[KeyEntry], Field(min_length=1)]
    weight: float = Field(1.0, ge=0.001, le=1000)
    """Its share of the service, next to the others', while they all have work waiting."""
    classes: Annotated[list[ClassName], Field(min_length=1, default_factory=lambda: ["interactive", "batch"])]
    """What its requests may claim to be; a claim that it may not make counts as the other class."""
    quota: QuotaSettings = QuotaSettings()
    key_quota: QuotaSettings = QuotaSettings()
    """For each of its keys."""
    budget: BudgetSettings = BudgetSettings()

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
    admin: AdminSettings = AdminSettings()
    limits: LimitSettings = LimitSettings()
    quota: QuotaSettings = QuotaSettings()
    """For all callers together."""
    queue: QueueSettings = QueueSettings()
    classes: ClassesSettings = ClassesSettings()
    concurrency: ConcurrencySettings = ConcurrencySettings()
    upstream: UpstreamSettings = UpstreamSettings()
    registration: RegistrationSettings = RegistrationSettings()
    scaling: ScalingSettings = ScalingSettings()
    replay: ReplaySettings = ReplaySettings()
    shared: SharedSettings = SharedSettings()
    peer: PeerSettings = PeerSettings()
    ledger: LedgerSettings = LedgerSettings()
    request_log: RequestLogSettings = RequestLogSettings()
    keys: KeysSettings = KeysSettings()
    backends: Annotated[list[BackendSettings], Field(default_factory=list), AfterValidator(_each_backend_once)]
    tenants: Annotated[dict[TenantName, TenantSettings], Field(min_length=1), AfterValidator(_each_key_once)]

    @field_validator("backends")
    @classmethod
    def _has_backends(cls, backends: list[BackendSettings], info: ValidationInfo) -> list[BackendSettings]:
        registration = info.data.get("registration")  # None if that is wrong
        if not backends and registration is not None and not registration.is_on:
            raise ValueError("missing: add [[backends]], or let APIs register themselves: [registration] secret_file")
        return backends

"""The API's whole configuration as frozen values; `conf/server.toml` shows every key with its reason."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator, StringConstraints, model_validator

from nlpbatch.engine.dictionary import KIWI_ENTRIES, MECAB_ENTRIES, AcceptedEntries, DictionaryEntry
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.serving import registered
from nlpbatch.serving.listen import ListenSettings
from nlpbatch.serving.secrets import REGISTRATION_VARIABLE, read_secret
from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB, REQUEST_FRAMING_BYTES, SizeLimits
from nlpbatch.wire.options.offered import ENABLED_DIALECTS
from nlpbatch.wire.options.table import Dialect

AnalyzerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ServerListen(ListenSettings):
    """Where the API listens. It has no keys of its own: let only the proxy reach it."""

    port: int = Field(8701, ge=0, le=65535)


class RequestLimitSettings(Settings):
    """How large a request may be. A text over `text_bytes` gets an error of its own; the others refuse the request."""

    body_bytes: int = Field(SizeLimits().body_bytes, ge=2 * REQUEST_FRAMING_BYTES, le=1024 * MIB)
    documents: int = Field(SizeLimits().documents, ge=1, le=1_000_000)
    text_bytes: int = Field(SizeLimits().text_bytes, ge=1, le=64 * MIB)
    document_s: float = Field(PoolLimits(1).document_s, gt=0, le=3600)
    """How long the analysis of one document may take; beyond, it gets an error of its own."""

    @model_validator(mode="after")
    def _text_fits_in_body(self) -> Self:
        # A body is more than its text: a document of the greatest length must still fit, or its job can't continue.
        if self.text_bytes > self.body_bytes - REQUEST_FRAMING_BYTES:
            raise ValueError(
                f"text_bytes {self.text_bytes:,} is over body_bytes {self.body_bytes:,} less "
                f"{REQUEST_FRAMING_BYTES:,}: raise body_bytes"
            )
        return self

    def to_wire(self) -> SizeLimits:
        """Return the limits that the service states to its clients."""
        return SizeLimits(self.body_bytes, self.documents, self.text_bytes)


class PoolSettings(Settings):
    """The worker processes of each analyzer."""

    workers: int = Field(0, ge=0, le=1024)
    """Worker processes; 0 takes one for each core this process may use."""
    chunk_bytes: int = Field(PoolLimits(1).chunk_bytes, ge=KIB, le=MIB)
    """Text handed to a worker at a time."""
    queue_bytes: int = Field(PoolLimits(1).queue_bytes, ge=KIB, le=16 * 1024 * MIB)
    """Text waiting for workers before requests are refused."""
    memory_bytes: int = Field(PoolLimits(1).memory_bytes, ge=16 * MIB, le=64 * 1024 * MIB)
    """How much a worker may grow on one document; beyond, that gets an error of its own."""
    load_s: float = Field(PoolLimits(1).load_s, gt=0, le=24 * 3600)
    """How long an analyzer may take to load, the first texts included; beyond, it is refused."""

    def to_pool(self, limits: RequestLimitSettings) -> PoolLimits:
        """Return the value that the pool takes."""
        return PoolLimits(
            workers=self.workers or usable_cores(),
            chunk_bytes=self.chunk_bytes,
            text_bytes=limits.text_bytes,
            queue_bytes=self.queue_bytes,
            document_s=limits.document_s,
            memory_bytes=self.memory_bytes,
            load_s=self.load_s,
        )


class KeptAnswerSettings(Settings):
    """Answers to batch requests kept for those that come again with the same Idempotency-Key, through another proxy."""

    size_bytes: int = Field(64 * MIB, ge=0, le=64 * 1024 * MIB)
    """All of them together; 0 keeps none."""
    answer_bytes: int = Field(4 * MIB, ge=0, le=1024 * MIB)
    """A larger answer isn't kept."""
    ttl_s: float = Field(60.0, gt=0, le=3600)


class CacheSettings(Settings):
    """Outcomes of documents kept for texts that come again, in requests of any kind."""

    size_bytes: int = Field(64 * MIB, ge=0, le=64 * 1024 * MIB)
    """Texts and outcomes of all analyzers together, in this process; 0 keeps none."""

    @model_validator(mode="after")
    def _holds_a_chunk(self) -> Self:
        if 0 < self.size_bytes < MIB:
            raise ValueError(
                f"size_bytes {self.size_bytes:,} holds hardly one chunk's outcomes: set {MIB:,} or more, or 0 for none"
            )
        return self


class AnalyzerSettings(Settings):
    """One analyzer: its engine, and what that is loaded with."""

    entries: ClassVar[AcceptedEntries] = KIWI_ENTRIES
    """What its dictionaries may hold."""
    engine: str = Field("kiwi", min_length=1, max_length=200)
    """kiwi, mecab, python:package.module:factory, or the name of an installed engine; see `engine.loading`."""
    dictionaries: list[str] = Field(default_factory=list, max_length=100)
    """Files with words of one's own, from the configuration file's directory on; see `engine.dictionary`."""

    def to_spec(
        self, name: str, dictionary: tuple[DictionaryEntry, ...] = (), directory: Path | None = None
    ) -> EngineSpec:
        """Return the value that the engine takes.

        Args:
            name: Name of the analyzer.
            dictionary: The entries of its dictionaries.
            directory: Where modules of one's own are.

        """
        raise NotImplementedError


class KiwiSettings(AnalyzerSettings):
    """Kiwi's model and options, under Kiwi's names and with Kiwi's defaults."""

    engine: Literal["kiwi"] = "kiwi"
    model: Literal["cong", "cong-global"] | None = None
    """Kiwi's model_type; None takes the default of the installed model package."""
    integrate_allomorph: bool = True
    load_default_dict: bool = True
    load_typo_dict: bool = True
    load_multi_dict: bool = True
    normalize_coda: bool = False
    z_coda: bool = True
    split_complex: bool = False
    compatible_jamo: bool = False
    saisiot: bool | None = None
    open_ending: bool = False
    oov_handling: Literal["rule", "chr", "chr_freq", "chr_freq_branch", "chr_freq_consistency"] | None = None
    typos: (
        Literal["basic", "continual", "basic_with_continual", "lengthening", "basic_with_continual_and_lengthening"]
        | None
    ) = None
    typo_cost_threshold: float = Field(2.5, ge=0, le=100)
    enabled_dialects: list[Dialect] = Field(default_factory=list)
    """Dialects to load, which requests may then allow; all of them take 28 s and 2.2 GB."""

    def to_spec(
        self, name: str, dictionary: tuple[DictionaryEntry, ...] = (), directory: Path | None = None
    ) -> EngineSpec:
        """Return the value that the engine takes; Kiwi needs no directory."""
        del directory
        load = {"model", "integrate_allomorph", "load_default_dict", "load_typo_dict", "load_multi_dict"}
        options: dict[str, Any] = self.model_dump(exclude=load | {"engine", "dictionaries", ENABLED_DIALECTS})
        # Left out where there are none: an analyzer without dialects keeps the fingerprint that it had before this key.
        dialects = {ENABLED_DIALECTS: sorted(set(self.enabled_dialects))} if self.enabled_dialects else {}
        return EngineSpec(name, "kiwi", self.model_dump(include=load) | dialects, options, dictionary)


class MecabSettings(AnalyzerSettings):
    """MeCab-ko with the dictionary mecab-ko-dic, in a sixth of Kiwi's time."""

    entries: ClassVar[AcceptedEntries] = MECAB_ENTRIES
    engine: Literal["mecab"] = "mecab"

    def to_spec(
        self, name: str, dictionary: tuple[DictionaryEntry, ...] = (), directory: Path | None = None
    ) -> EngineSpec:
        """Return the value that the engine takes; MeCab needs no directory."""
        del directory
        return EngineSpec(name, self.engine, dictionary=dictionary)


class OtherEngineSettings(AnalyzerSettings):
    """An engine that isn't part of this package, with settings of its own."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """What the engine, or the factory of functions, is called with."""

    @model_validator(mode="after")
    def _has_no_dictionaries(self) -> Self:
        if self.dictionaries:
            raise ValueError(f"engine {self.engine!r} takes no dictionaries: name its files in settings")
        return self

    def to_spec(
        self, name: str, dictionary: tuple[DictionaryEntry, ...] = (), directory: Path | None = None
    ) -> EngineSpec:
        """Return the value that the engine takes."""
        base = "" if directory is None else str(directory.resolve())
        return EngineSpec(name, self.engine, self.settings, dictionary=dictionary, directory=base)


_SETTINGS: dict[str, type[AnalyzerSettings]] = {"kiwi": KiwiSettings, "mecab": MecabSettings}
"""Settings of the engines of this package, by their names."""


def _analyzer(given: Any) -> Any:
    """Return the settings of an analyzer, by its engine."""
    if isinstance(given, AnalyzerSettings):
        return given
    engine = given.get("engine", "kiwi") if isinstance(given, Mapping) else "kiwi"
    settings = _SETTINGS.get(engine, OtherEngineSettings) if isinstance(engine, str) else KiwiSettings
    return settings.model_validate(given)


AnyAnalyzerSettings = Annotated[
    KiwiSettings | MecabSettings | OtherEngineSettings,
    PlainValidator(_analyzer),
    PlainSerializer(lambda settings: settings.model_dump()),
]


class RegisterSettings(Settings):
    """Proxies that are told where this API is; none are told without addresses."""

    proxies: list[Annotated[str, StringConstraints(pattern=registered.PROXY_URL)]] = Field(
        default_factory=list, max_length=100
    )
    """Addresses at which proxies listen for callers; those of a fleet with a shared store need only one of them."""
    secret_file: str | None = None
    """What the proxies know, too; else from the environment."""
    advertise: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@]+$")] | None = None
    """Where proxies reach this API; without it, the address by which it reaches them, and the port in use."""
    name: Annotated[str, StringConstraints(pattern=registered.NAME)] | None = Field(
        default_factory=lambda: os.environ.get(registered.NAME_VARIABLE), validate_default=True
    )
    """What `/state` of the proxies calls this API, such as its container; else from the environment, else nothing."""
    leave_timeout_s: float = Field(300.0, ge=0, le=24 * 3600)
    """How long it stays at a stop for runs that no other API has the version of."""
    ca_file: str | None = None
    """Certificates that https:// proxies are checked against; without it, the system's."""

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        if self.proxies and self.secret() is None:
            raise ValueError(
                f"proxies without a secret: set secret_file or ${REGISTRATION_VARIABLE}, the same as in [registration] "
                "of the proxies"
            )
        return self

    def secret(self) -> str | None:
        """Return the secret; None without one.

        Raises:
            ValueError: The file can't be read, or the secret has under 16 characters.

        """
        return read_secret(self.secret_file, "registration.secret_file", REGISTRATION_VARIABLE)


class ServerSettings(Settings):
    """The whole of `server.toml`."""

    listen: ServerListen = ServerListen()
    limits: RequestLimitSettings = RequestLimitSettings()
    pool: PoolSettings = PoolSettings()
    replay: KeptAnswerSettings = KeptAnswerSettings()
    cache: CacheSettings = CacheSettings()
    registration: RegisterSettings = RegisterSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    analyzers: dict[AnalyzerName, AnyAnalyzerSettings] = Field({"default": KiwiSettings()}, min_length=1)


def usable_cores() -> int:
    """Return the cores this process may use: its affinity, not the machine's size."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

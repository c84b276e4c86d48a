"""The service around the proxy, as configured: how many workers, who may register as a backend, what is recorded."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nlpbatch.serving.secrets import REGISTRATION_VARIABLE, read_secret
from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB


class ScalingSettings(Settings):
    """How many workers are wanted, which the proxy says and something else makes true; see `traffic.wanted_workers`."""

    min_workers: int = Field(1, ge=0, le=100_000)
    max_workers: int | None = Field(None, ge=1, le=100_000)
    busy_part: float = Field(0.8, gt=0, le=1)
    """The part of the time that workers should be busy."""
    interactive_wait_s: float = Field(0.5, gt=0, le=3600)
    """The longest that interactive requests should wait."""
    batch_wait_s: float = Field(10.0, gt=0, le=3600)
    up_window_s: float = Field(15.0, ge=0, le=3600)
    """More workers are wanted after they would have been useful for so long."""
    down_window_s: float = Field(180.0, ge=0, le=24 * 3600)
    """Fewer are wanted after they would have been enough for so long."""

    @model_validator(mode="after")
    def _max_is_max(self) -> Self:
        if self.max_workers is not None and self.max_workers < self.min_workers:
            raise ValueError(f"max_workers {self.max_workers} is under min_workers {self.min_workers}: raise it")
        return self


class RegistrationSettings(Settings):
    """Backends that say themselves where they are; off without a secret."""

    secret_file: str | None = None
    """What the APIs know and nobody else does."""
    ttl_s: float = Field(15.0, ge=1, le=3600)
    """A backend that hasn't registered again for so long counts as gone."""

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        self.secret()
        return self

    @property
    def is_on(self) -> bool:
        """Return whether backends may register."""
        return self.secret() is not None

    def secret(self) -> bytes | None:
        """Return the secret from `secret_file` or the environment; None without one.

        Raises:
            ValueError: The file can't be read, or the secret has under 16 characters.

        """
        found = read_secret(self.secret_file, "registration.secret_file", REGISTRATION_VARIABLE)
        return None if found is None else found.encode()


class RequestLogSettings(Settings):
    """A record of requests, without texts; off without a directory."""

    directory: str | None = Field(None, min_length=1)
    format: Literal["jsonl", "parquet"] = "jsonl"
    sample: float = Field(1.0, gt=0, le=1)
    """The part of the requests that is written, by chance."""
    rotate_bytes: int = Field(128 * MIB, ge=64 * KIB, le=64 * 1024 * MIB)
    """A file of lines that is larger is followed by another one."""
    keep_files: int = Field(20, ge=1, le=100_000)
    """The oldest files in the directory beyond so many are removed."""

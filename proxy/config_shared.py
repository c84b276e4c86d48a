"""What several proxies share, as configured: the store, and how they reach each other."""

import os
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.secrets import MIN_SECRET, read_secret_file
from nlpbatch.serving.settings import Settings

PASSWORD_VARIABLE: Final = "NLPBATCH_SHARED_PASSWORD"  # noqa: S105  (a variable's name)
SECRET_VARIABLE: Final = "NLPBATCH_SHARED_SECRET"  # noqa: S105
_SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel")
_WILDCARDS: Final = ("", "0.0.0.0", "::", "*")  # noqa: S104  (it is refused)


def _store_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is none
        port, parts = 0, urlsplit("")
    if parts.scheme == "redis+sentinel":  # several hosts, whose ports urlsplit can't read
        port = None
    if parts.scheme not in _SCHEMES or port == 0 or not (parts.path if parts.scheme == "unix" else parts.netloc):
        raise ValueError(
            "not the address of a store: give one such as redis://10.0.0.9:6379/0, rediss://…, unix:///run/redis.sock "
            "or redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/SERVICE"
        )
    if "@" in parts.netloc:
        # Addresses appear in logs and on the operator's pages.
        raise ValueError(f"has a user or a password in it: set username, and password_file or ${PASSWORD_VARIABLE}")
    return url


StoreUrl = Annotated[str, AfterValidator(_store_url)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class SharedSettings(Settings):
    """The store that several proxies share, Redis or Valkey; without `url` everything is in this process's memory."""

    url: StoreUrl | None = None
    prefix: Prefix = "nlpbatch"
    """Begins every key in the store: another prefix is another fleet."""
    username: str | None = None
    password_file: str | None = None
    secret_file: str | None = None
    """What all proxies of the fleet know and nobody else does: it hides names in the store, and lets a proxy in at
    another one's peer listener."""
    ca_file: str | None = None
    """Certificates that a rediss:// store is checked against; without it, the system's."""
    timeout_s: float = Field(0.05, ge=0.001, le=10)
    """A request never waits longer than this for the store."""
    lease_period_s: float = Field(0.02, ge=0.005, le=1)
    """Leases of quotas are renewed so often."""
    alive_s: float = Field(3.0, ge=0.5, le=60)
    """A proxy that has not reached the store for so long counts as gone."""
    expected_proxies: int | None = Field(None, ge=1, le=1000)
    """By how many limits are divided as long as the store can't be reached and no other proxy has been seen; without
    it, a proxy doesn't start without the store."""

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        if self.url is not None and self.secret_file is None and not os.environ.get(SECRET_VARIABLE):
            raise ValueError(
                f"url without a secret: set secret_file or ${SECRET_VARIABLE}, the same for every proxy of the fleet "
                "(openssl rand -hex 32)"
            )
        return self

    def password(self) -> str | None:
        """Return the store's password from `password_file` or the environment; None without one.

        Raises:
            ValueError: The file can't be read.

        """
        if self.password_file is not None:
            return read_secret_file(self.password_file, "shared.password_file")
        return os.environ.get(PASSWORD_VARIABLE) or None

    def secret(self) -> bytes:
        """Return the fleet's secret.

        Raises:
            ValueError: The file can't be read, or the secret has under 16 characters.

        """
        if self.secret_file is not None:
            found = read_secret_file(self.secret_file, "shared.secret_file")
        else:
            found = os.environ.get(SECRET_VARIABLE, "")
        if len(found) < MIN_SECRET:
            raise ValueError(
                f"the shared secret has {len(found)} characters, at least {MIN_SECRET} are needed: "
                "make one with openssl rand -hex 32"
            )
        return found.encode()


class PeerSettings(EndpointSettings):
    """Where the other proxies of the fleet come in; used only with a shared store."""

    advertise: str | None = Field(None, pattern=r"^https?://[^\s/@]+$")
    """The address that the others are given, in which $NAME is the environment's; without it, http:// or https://
    with `host` and the port in use."""
    ca_file: str | None = None
    """Certificates that https:// peers are checked against; without it, the system's."""

    @field_validator("advertise", mode="before")
    @classmethod
    def _expanded(cls, advertise: Any) -> Any:
        """Put the environment's values in: a container learns its address there."""
        if not isinstance(advertise, str) or "$" not in advertise:
            return advertise
        expanded = os.path.expandvars(advertise)
        if "$" in expanded:
            raise ValueError("a variable in it isn't set: set it in the proxy's environment, or write the address")
        return expanded

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.advertise is None and self.host in _WILDCARDS:
            raise ValueError(
                f"host {self.host} is no address that other proxies can be given: set advertise, such as "
                "http://10.0.0.21:8703, or name one address of this machine"
            )
        return self

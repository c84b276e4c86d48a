"""The address of the service: one URL, checked before anything is sent."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from nlpbatch.errors import ConfigError

_EXAMPLE = "http://proxy.example:8700"


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """A service's address in parts.

    Args:
        url: The whole address as messages name it, without a slash at the end.
        secure: Whether it is https.
        host: Name or IP address, without brackets.
        port: TCP port; None for the scheme's own.
        base_path: Path before the service's own paths; empty for most services.

    """

    url: str
    secure: bool
    host: str
    port: int | None
    base_path: str


def parse_address(service: Any) -> ServiceAddress:
    """Return the parts of a service URL; a path that ends in /v1, as other services have it, means the same without.

    Raises:
        ConfigError: Not an http or https URL with a host, or a URL with more than an address.

    """
    if not isinstance(service, str):
        raise _wrong(f"is a {type(service).__name__}, not a string")
    if not service.isascii() or not service.isprintable() or " " in service:
        raise _wrong(f"is {service[:200]!r}, which has characters that a URL can't have")
    try:
        parts = urlsplit(service)
        port = parts.port
        # Without this check, an empty or over-long label fails only when connecting, with an obscure error.
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise _wrong(f"is {service[:200]!r}, which is not a URL ({error})") from error
    _check_parts(service, parts)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return ServiceAddress(
        f"{parts.scheme}://{parts.netloc}{path}", parts.scheme == "https", parts.hostname or "", port, path
    )


def _check_parts(service: str, parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise _wrong("has a user name or password in it, which would end up in logs: use api_key instead")
    if parts.scheme not in {"http", "https"}:
        raise _wrong(f"is {service[:200]!r}, which doesn't begin with http:// or https://")
    if not parts.hostname:
        raise _wrong(f"is {service[:200]!r}, which names no host")
    if parts.query or parts.fragment:
        raise _wrong(f"is {service[:200]!r}: leave out what follows the path")


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"the service address {what}: give a URL such as {_EXAMPLE}", option="service")

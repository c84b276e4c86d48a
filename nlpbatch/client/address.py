"""The addresses of the service: one URL or several, checked before anything is sent."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from nlpbatch.errors import ConfigError

_EXAMPLE: Final = "http://proxy.example:8700"
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_CREDENTIALS: Final = "has a user name or password in it, which would end up in logs: use api_key instead"


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """One address of the service, in parts.

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

    @property
    def place(self) -> tuple[str, int, str]:
        """Return host, port and path, which two spellings of one address have in common."""
        return self.host, self.port or (_HTTPS_PORT if self.secure else _HTTP_PORT), self.base_path


def parse_addresses(service: Any) -> tuple[ServiceAddress, ...]:
    """Return the addresses of a service, at least one, in the order given.

    Several are a string with commas between them, or a list or tuple of strings. Each is a URL by itself: each may have
    a path, and one that ends in /v1 means the same without.

    An address that is given twice is refused and not merged. It is most often a slip for another address, and that one
    would be missed only on the day when the first one fails. A mixture of http and https is refused too: the API key
    goes to every address, and would cross the network unencrypted for some requests.

    Raises:
        ConfigError: An entry is no address, is there before, or has another scheme; the message names it.

    """
    entries = _entries(service)
    if len(entries) == 1:
        return (parse_address(entries[0]),)
    found: list[ServiceAddress] = []
    for number, entry in enumerate(entries, 1):
        which = f" {number} of {len(entries)}"
        address = parse_address(entry, which)
        if address.secure != (found or [address])[0].secure:
            what = f"is {address.url}, but the first is {found[0].url}"
            raise _wrong(what, which, remedy="give all with http, or all with https")
        if address.place in {other.place for other in found}:
            raise _wrong(f"is {address.url}, which is there before", which, remedy="leave it out, or give another one")
        found.append(address)
    return tuple(found)


def parse_address(service: Any, which: str = "") -> ServiceAddress:
    """Return the parts of a service URL; a path that ends in /v1, as other services have it, means the same without.

    Args:
        service: The URL.
        which: Which of several it is, for messages, such as " 2 of 3".

    Raises:
        ConfigError: Not an http or https URL with a host, or a URL with more than an address.

    """
    if not isinstance(service, str):
        raise _wrong(f"is a {type(service).__name__}, not a string", which)
    if not service.isascii() or not service.isprintable() or " " in service:
        raise _wrong(f"is {service[:200]!r}, which has characters that a URL can't have", which)
    try:
        parts = urlsplit(service)
        port = parts.port
        # Without this check, an empty or over-long label fails only when connecting, with an obscure error.
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise _wrong(f"is {service[:200]!r}, which is not a URL ({error})", which) from error
    _check_parts(service, parts, which)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return ServiceAddress(
        f"{parts.scheme}://{parts.netloc}{path}", parts.scheme == "https", parts.hostname or "", port, path
    )


def urls_of(addresses: tuple[ServiceAddress, ...]) -> str:
    """Return the addresses as one string, which `parse_addresses` reads again."""
    return ",".join(address.url for address in addresses)


def _entries(service: Any) -> list[Any]:
    """Return what are to be addresses; several without the blanks around them."""
    given = service.split(",") if isinstance(service, str) else service
    if not isinstance(given, list | tuple):
        return [given]
    if len(given) == 1:
        return list(given)
    if not given:
        raise _wrong("is an empty list", "")
    if isinstance(service, str) and "@" in service:  # a password may have the comma, and then no entry shows it whole
        raise _wrong(_CREDENTIALS, "")
    entries = [entry.strip(" ") if isinstance(entry, str) else entry for entry in given]
    if "" in entries:
        which = f" {entries.index('') + 1} of {len(entries)}"
        raise _wrong("is empty", which, remedy="leave out the comma, or give one more URL")
    return entries


def _check_parts(service: str, parts: SplitResult, which: str) -> None:
    if "@" in parts.netloc:
        raise _wrong(_CREDENTIALS, which)
    if parts.scheme not in {"http", "https"}:
        raise _wrong(f"is {service[:200]!r}, which doesn't begin with http:// or https://", which)
    if "," in parts.netloc:
        raise _wrong(f"is {service[:200]!r}, which has a comma in its host", which, remedy="give one URL per entry")
    if not parts.hostname:
        raise _wrong(f"is {service[:200]!r}, which names no host", which)
    if parts.query or parts.fragment:
        raise _wrong(f"is {service[:200]!r}: leave out what follows the path", which)


def _wrong(what: str, which: str, *, remedy: str = f"give a URL such as {_EXAMPLE}") -> ConfigError:
    return ConfigError(f"the service address{which} {what}: {remedy}", option="service")

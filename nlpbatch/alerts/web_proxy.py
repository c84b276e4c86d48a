"""The proxy through which a webhook is reached: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as curl and others take them."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

from nlpbatch.errors import ConfigError

_SUFFIX: Final = "_proxy"
_SCHEMES: Final = ("http", "https")
"""Proxies that are spoken to in HTTP, be it over TLS."""


def web_proxy(address: str, environment: Mapping[str, str]) -> str | None:
    """Return the address of the proxy for an address, None for none; it may have a password in it.

    A variable in lower case comes before one in upper case. NO_PROXY has names, each with all below it, or `*`.

    Args:
        address: http or https.
        environment: Variables.

    Raises:
        ConfigError: The variable is no address of a proxy. The message doesn't show it.

    """
    given = sorted(name for name in environment if name.lower().endswith(_SUFFIX))  # upper case first
    proxies = {name.lower().removesuffix(_SUFFIX): environment[name].strip() for name in given}
    parts = urlsplit(address)
    proxy = proxies.get(parts.scheme)
    host = parts.netloc.rpartition("@")[2].replace("[", "").replace("]", "")
    if not proxy or proxy_bypass_environment(host, proxies):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_proxy(proxy):
        name = f"{parts.scheme}{_SUFFIX}".upper()
        raise ConfigError(
            f"${name} is no address of an HTTP proxy, which alerts need to reach {parts.hostname}: set it to one such "
            f"as http://proxy.example.com:3128, or add {parts.hostname} to $NO_PROXY"
        )
    return proxy


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return is_one and address.isascii() and address.isprintable() and " " not in address

"""What names and addresses of listeners say about who reaches them."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a listener at that address or name."""
    return host == "localhost" or host.endswith(".localhost") or (_is_address(host) and ip_address(host).is_loopback)


def is_nobody_elses(host: str) -> bool:
    """Return whether no other site can have a name: a name of its own may lead here, too."""
    return is_loopback(host) or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

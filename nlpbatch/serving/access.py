"""Who sent a request: somebody who knows a key, or a page of another site in somebody's browser."""

import base64
import hmac
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

_OWN_SITES: Final = ("same-origin", "none")


def knows_key(request: web.Request, key: str) -> bool:
    """Return whether a request has the key: as a bearer key, or as the password of Basic authentication."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except ValueError:
            return False
    return hmac.compare_digest(value.strip().encode("utf-8", "replace"), key.encode())


def is_from_elsewhere(request: web.Request) -> bool:
    """Return whether a page of another site had a browser send the request; whatever is no browser doesn't say."""
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        return True
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host

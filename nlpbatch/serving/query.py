"""The query of a request, read strictly: aiohttp turns bytes that are not UTF-8 into replacement characters."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from nlpbatch.errors import InvalidRequest

_SHOWN: Final = 80
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


def read_query(request: web.BaseRequest) -> dict[str, str]:
    """Return the query's parameters.

    Raises:
        InvalidRequest: One comes twice, has a broken percent-escape, or is not UTF-8; `path` is `?NAME`.

    """
    found: dict[str, str] = {}
    for pair in filter(None, request.rel_url.raw_query_string.split("&")):
        raw_name, _, raw_value = pair.partition("=")
        name = _decode(raw_name, raw_name)
        if name in found:
            raise _refusal(name, "comes twice: send it once")
        found[name] = _decode(raw_value, name)
    return found


def _decode(raw: str, name: str) -> str:
    broken = _BROKEN_ESCAPE.search(raw)
    if broken is not None:
        escape = raw[broken.start() : broken.start() + 3]
        raise _refusal(name, f"has the escape {escape!r}: percent-encode its UTF-8, a percent sign as %25")
    content = unquote_to_bytes(raw.replace("+", " "))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _refusal(
            name, f"is not UTF-8: byte {error.start} is 0x{content[error.start]:02X}: percent-encode its UTF-8"
        ) from None


def _refusal(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"the query parameter {name[:_SHOWN]!r} {what}", path=f"?{name[:_SHOWN]}")

"""Serves `/docs`, a page on which to try the analysis, and `/openapi.json`, all from memory.

The page requests nothing from elsewhere, and its policy forbids the browser to: it works without a network, and a text
that is typed into it goes to this service alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from aiohttp import web

from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire import media
from nlpbatch.wire.limits import SizeLimits

OPENAPI_PATH: Final = "/openapi.json"
DOCS_PATH: Final = "/docs"
_PAGE: Final = "docs.html"
_TYPES: Final = MappingProxyType(
    {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Asked for again each time, and answered with 304: a new version of the service has a new page.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


@dataclass(frozen=True, slots=True)
class Resource:
    """The constant answer of one path."""

    body: bytes
    content_type: str

    @property
    def etag(self) -> str:
        """Return a name for the content, without quotes."""
        return hashlib.sha256(self.body).hexdigest()[:32]


def add_pages(app: web.Application, limits: SizeLimits) -> None:
    """Add the page, its files, and the description that it shows."""
    for path, resource in _resources(limits).items():
        app.router.add_get(path, partial(_answer, resource))


def _resources(limits: SizeLimits) -> dict[str, Resource]:
    description = json.dumps(openapi_document(limits), ensure_ascii=False, separators=(",", ":")).encode()
    found = {OPENAPI_PATH: Resource(description, media.JSON)}
    for file in files("nlpbatch.server").joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            path = DOCS_PATH if file.name == _PAGE else f"{DOCS_PATH}/{file.name}"
            found[path] = Resource(file.read_bytes(), _TYPES[suffix])
    return found


async def _answer(resource: Resource, request: web.Request) -> web.Response:
    known = {tag.value for tag in request.if_none_match or ()}
    unchanged = not known.isdisjoint({resource.etag, "*"})
    response = web.Response(status=304) if unchanged else _whole(resource)
    response.headers.update(_HEADERS)
    response.etag = resource.etag
    return response


def _whole(resource: Resource) -> web.Response:
    charset = None if resource.content_type == media.JSON else "utf-8"  # JSON is UTF-8 and has no such parameter
    return web.Response(body=resource.body, content_type=resource.content_type, charset=charset)

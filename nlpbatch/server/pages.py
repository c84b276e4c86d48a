"""Serves `/docs`, a page on which to try the analysis, and `/openapi.json`, which follows the analyzers.

The page requests nothing from elsewhere, and its policy forbids the browser to: it works without a network, and a text
that is typed into it goes to this service alone.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from aiohttp import web

from nlpbatch.errors import NoCapacity
from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
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
    """The answer of one path."""

    body: bytes
    content_type: str

    @property
    def etag(self) -> str:
        """Return a name for the content, without quotes."""
        return hashlib.sha256(self.body).hexdigest()[:32]


class Description:
    """The answer to `GET /openapi.json`: of what the analyzers offer once they have loaded, of all operations before.

    Args:
        limits: Of requests.
        catalogue: Returns the answer of `GET /v1/analyzers`, or raises NoCapacity while they are being loaded.

    """

    def __init__(self, limits: SizeLimits, catalogue: Callable[[], Catalogue]) -> None:
        self._limits = limits
        self._catalogue = catalogue
        self._described: tuple[AnalyzerInfo, ...] | None = None
        self._resource = Resource(b"", media.JSON)

    def resource(self) -> Resource:
        """Return the description in force; it is written once for each version of the analyzers."""
        try:
            analyzers = self._catalogue().analyzers
        except NoCapacity:
            analyzers = ()
        if analyzers != self._described:
            document = openapi_document(self._limits, analyzers)
            self._resource = Resource(
                json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), media.JSON
            )
            self._described = analyzers
        return self._resource


def add_pages(app: web.Application, limits: SizeLimits, catalogue: Callable[[], Catalogue]) -> None:
    """Add the page, its files, and the description that it shows."""
    app.router.add_get(OPENAPI_PATH, partial(_answer, Description(limits, catalogue).resource))
    for path, resource in page_resources().items():
        app.router.add_get(path, partial(_answer, partial(_same, resource)))


def page_resources() -> dict[str, Resource]:
    """Return the page and its files, by path."""
    found = {}
    for file in files("nlpbatch.server").joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            path = DOCS_PATH if file.name == _PAGE else f"{DOCS_PATH}/{file.name}"
            found[path] = Resource(file.read_bytes(), _TYPES[suffix])
    return found


def _same(resource: Resource) -> Resource:
    return resource


async def _answer(current: Callable[[], Resource], request: web.Request) -> web.Response:
    resource = current()
    known = {tag.value for tag in request.if_none_match or ()}
    unchanged = not known.isdisjoint({resource.etag, "*"})
    response = web.Response(status=304) if unchanged else _whole(resource)
    response.headers.update(_HEADERS)
    response.etag = resource.etag
    return response


def _whole(resource: Resource) -> web.Response:
    charset = None if resource.content_type == media.JSON else "utf-8"  # JSON is UTF-8 and has no such parameter
    return web.Response(body=resource.body, content_type=resource.content_type, charset=charset)

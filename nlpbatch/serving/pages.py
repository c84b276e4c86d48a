"""Serves a page and its files, which need nothing from elsewhere: the browser may ask nobody else."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from aiohttp import web

from nlpbatch.wire import media

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = MappingProxyType(
    {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Asked for again each time, and answered with 304: a new version of the service has a new page.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
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


def page_resources(package: str, path: str) -> dict[str, Resource]:
    """Return a page and its files, by path.

    Args:
        package: Has them in its folder `static`; what all pages share is in that of `nlpbatch.serving`.
        path: Of the page, which is the file of that name with `.html`; those of the files are below it.

    """
    found = {}
    for one in ("nlpbatch.serving", package):
        for file in files(one).joinpath("static").iterdir():
            suffix = file.name[file.name.rfind(".") :]
            if suffix in _TYPES:
                name = path if f"/{file.name}" == f"{path}.html" else f"{path}/{file.name}"
                found[name] = Resource(file.read_bytes(), _TYPES[suffix])
    return found


def add_resources(app: web.Application, resources: Mapping[str, Resource]) -> None:
    """Add paths whose answers stay the same."""
    for path, resource in resources.items():
        add_resource(app, path, partial(_same, resource))


def add_resource(app: web.Application, path: str, current: Callable[[], Resource]) -> None:
    """Add a path, whose present answer `current` returns."""
    app.router.add_get(path, partial(_answer, current))


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

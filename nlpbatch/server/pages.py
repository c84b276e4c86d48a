"""Serves `/docs`, a page on which to try the analysis, and `/openapi.json`, which follows the analyzers.

The page requests nothing from elsewhere, and its policy forbids the browser to: it works without a network, and a text
that is typed into it goes to this service alone.
"""

import json
from collections.abc import Callable
from typing import Final

from aiohttp import web

from nlpbatch.errors import NoCapacity
from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.serving.pages import Resource, add_resource, add_resources, page_resources
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.limits import SizeLimits

OPENAPI_PATH: Final = "/openapi.json"
DOCS_PATH: Final = "/docs"


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
    add_resource(app, OPENAPI_PATH, Description(limits, catalogue).resource)
    add_resources(app, page_resources("nlpbatch.server", DOCS_PATH))

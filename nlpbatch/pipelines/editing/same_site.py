"""Refuses requests that change something, if a page of another site made the browser send them.

A browser adds the credentials that it knows to any request to an address; so a key alone doesn't say who asks. JSON
can't be sent across sites without the browser asking first, which is never allowed here, and `Origin` and
`Sec-Fetch-Site` name the page that asks; programs send neither.
"""

from urllib.parse import urlsplit

from aiohttp import web

from nlpbatch.errors import InvalidRequest, UnsupportedMediaType
from nlpbatch.wire.media import JSON


def check_same_site(request: web.Request) -> None:
    """Accept a request that comes from this server's own pages, or from a program.

    Raises:
        UnsupportedMediaType: Its body is no JSON.
        InvalidRequest: It comes from a page of another site.

    """
    if request.content_type != JSON:
        raise UnsupportedMediaType(f"the body is {request.content_type}, and {JSON} is needed")
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in {None, "same-origin"} or (
        origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()
    ):
        raise InvalidRequest(f"a page of {origin or site!r} asked for this: open the page of {request.host} itself")

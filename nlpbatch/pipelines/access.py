"""Who may see the page of runs and what is served beside it.

    with a key          whoever sends it: as a bearer key, or as the password that a browser asks for
    with a token        whoever has the address that was printed at the start, which only its user could read; the
                        browser gets it as a cookie, so that it is in no history and no link
    with neither        every user of this machine

Without a key the page is on loopback. There it answers to this machine's own names alone: under any other name it was
reached by a page of another site that made the browser ask.
"""

import hmac
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from nlpbatch.errors import NotFound, TooManyFailedKeys, Unauthenticated
from nlpbatch.serving.access import knows_key
from nlpbatch.serving.failed_keys import PER_MINUTE, FailedKeys
from nlpbatch.serving.hosts import is_loopback

HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
TOKEN: Final = "token"  # noqa: S105  (the name of a parameter)
_KEY_WANTED: Final = "a key is needed: send it as Authorization: Bearer KEY"
_ADDRESS_WANTED: Final = (
    "a token is needed: open the address that nlpbatch runs printed when it was started, "
    "or send the token as Authorization: Bearer TOKEN"
)


class PageAccess:
    """Knows who may see the page.

    Args:
        key: What callers have to know; None for no key.
        token: Without a key, what callers on this machine have to know; None for nothing.
        now: Seconds of a clock that doesn't go back.

    """

    def __init__(self, key: str | None, token: str | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self._key = key
        self._token = token if key is None else None
        self._now = now
        self._failed = FailedKeys()

    def check(self, request: web.Request) -> None:
        """Accept a request of somebody who may see the page.

        Raises:
            Unauthenticated: It has no key or token, or a wrong one; TooManyFailedKeys if that comes too often from
                there.
            NotFound: Without a key, it was asked for under another name than this machine's own.

        """
        if self._key is not None:
            if not knows_key(request, self._key):
                raise self._failure(request, _KEY_WANTED)
            return
        if not is_loopback(request.url.host or ""):
            raise NotFound(f"this is no page of {request.url.host}: open it at 127.0.0.1, or set a key")
        if self._token is not None and not self._knows_token(request, self._token):
            raise self._failure(request, _ADDRESS_WANTED)

    def admit(self, request: web.Request) -> web.Response | None:
        """Return what a browser gets that opens a page: None for the page itself.

        Raises:
            TooManyFailedKeys: As `check`.
            NotFound: As `check`.

        """
        is_given = self._token is not None and _equal(request.query.get(TOKEN, ""), self._token)
        if self._token is not None and is_given and is_loopback(request.url.host or ""):
            return _with_cookie(request, self._token)
        try:
            self.check(request)
        except Unauthenticated as error:
            asks = "Bearer" if self._key is None else 'Basic realm="runs"'  # browsers ask people for the latter alone
            return web.Response(status=401, text=f"{error.message}\n", headers=HEADERS | {"WWW-Authenticate": asks})
        return None

    def _knows_token(self, request: web.Request, token: str) -> bool:
        return knows_key(request, token) or _equal(request.cookies.get(_cookie(request), ""), token)

    def _failure(self, request: web.Request, message: str) -> Unauthenticated | TooManyFailedKeys:
        wait_s = self._failed.fail(request.remote or "", self._now(), PER_MINUTE)
        if wait_s <= 0:
            return Unauthenticated(message)
        return TooManyFailedKeys(
            f"over {PER_MINUTE:,} requests in a minute without a valid key from this address: correct the key; "
            "requests with a valid one are answered",
            retry_after_s=round(wait_s, 3),
        )


def _with_cookie(request: web.Request, token: str) -> web.Response:
    """Return the answer that has the browser keep the token and ask again without it in the address."""
    rest = [(name, value) for name, value in request.query.items() if name != TOKEN]
    answer = web.Response(status=303, headers=HEADERS | {"Location": str(request.rel_url.with_query(rest))})
    answer.set_cookie(_cookie(request), token, httponly=True, samesite="Lax")
    return answer


def _cookie(request: web.Request) -> str:
    """Return the name of the cookie: a browser sends those of all ports of a host to each of them."""
    return f"nlpbatch-runs-{request.url.port}"


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

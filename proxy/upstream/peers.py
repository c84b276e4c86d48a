"""HTTP to the other proxies of the fleet, to fetch an answer that one of them holds or is getting.

    GET /answer, with the fleet's secret, the owner's id, the tenant, the Idempotency-Key and the request's digest

    200  the answer: its body as it is, status and headers in one header
    202  under way: ask again
    404  the owner has no such answer, or is another proxy by now
    409  the key was used for a request with another digest

An owner keeps no question for longer than `WAIT_S`, so that one that hangs is noticed soon, however long the analysis.
"""

import json
import ssl
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp
from multidict import CIMultiDict

from nlpbatch.wire.limits import KIB, MIB
from nlpbatch.wire.media import IDEMPOTENCY_KEY
from proxy.shared.members import Member
from proxy.upstream.client import ANSWER_HEADERS, UpstreamResponse

PATH: Final = "/answer"
OWNER: Final = "Nlpbatch-Owner"
TENANT: Final = "Nlpbatch-Tenant"
DIGEST: Final = "Nlpbatch-Digest"
HEAD: Final = "Nlpbatch-Answer"
"""Status and headers of the answer, as JSON."""
WAIT_S: Final = 2.0
"""How long an owner waits for an answer that is under way, before it says so."""
_CONNECT_S: Final = 1.0
_SILENT_S: Final = WAIT_S + 2.0
"""An owner that sends nothing for so long hangs."""
_CONNECTIONS: Final = 100
"""To one proxy at a time; further questions wait for one to be free, `WAIT_S` at most."""
_HEAD_BYTES: Final = 64 * KIB
_MAX_BYTES: Final = 1024 * MIB

Missed = Literal["under_way", "unknown", "conflict", "unreachable", "garbage"]
_MISSED: Final[dict[int, Missed]] = {202: "under_way", 404: "unknown", 409: "conflict"}


@dataclass(frozen=True, slots=True)
class PeerQuestion:
    """A request whose answer another proxy may have.

    Args:
        tenant: Whose it is.
        key: Its Idempotency-Key.
        digest: Identifies its content.

    """

    tenant: str
    key: str
    digest: bytes


class Peers:
    """The connections to the other proxies.

    Args:
        secret: What proxies of the fleet show each other.
        tls: What https:// addresses are checked against.

    """

    def __init__(self, secret: str, tls: ssl.SSLContext) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=_CONNECTIONS, keepalive_timeout=30.0, ssl=tls),
            headers={"Authorization": f"Bearer {secret}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENT_S),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            max_field_size=_HEAD_BYTES,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def ask(self, owner: Member, question: PeerQuestion) -> UpstreamResponse | Missed:
        """Return the answer that a proxy holds, or what keeps it from being had."""
        if not owner.peer_url:
            return "unreachable"
        headers = {
            OWNER: owner.id,
            TENANT: question.tenant,
            IDEMPOTENCY_KEY: question.key,
            DIGEST: question.digest.hex(),
        }
        try:
            # A GET: on a connection that the owner has closed meanwhile it is sent again.
            async with self._session.get(f"{owner.peer_url}{PATH}", headers=headers, allow_redirects=False) as answer:
                return await _read(answer)
        except (aiohttp.ClientConnectionError, OSError, TimeoutError):  # a wrong certificate is a ValueError, too
            return "unreachable"
        except (aiohttp.ClientError, ValueError):
            return "garbage"


async def _read(answer: aiohttp.ClientResponse) -> UpstreamResponse | Missed:
    """Return what an owner said.

    Raises:
        ValueError: It is nothing that an owner says.
        aiohttp.ClientError: It broke off.

    """
    if answer.status != 200:  # noqa: PLR2004
        return _MISSED.get(answer.status, "garbage")
    status, headers = _head(answer.headers.get(HEAD, ""))
    if answer.content_length is None or answer.content_length > _MAX_BYTES:
        return "garbage"
    return UpstreamResponse(status, headers, await answer.read())


def to_head(answer: UpstreamResponse) -> str:
    """Return an answer's status and headers as one header's value."""
    return json.dumps({"status": answer.status, "headers": [*answer.headers.items()]}, separators=(",", ":"))


def _head(text: str) -> tuple[int, CIMultiDict[str]]:
    """Return what `to_head` was given.

    Raises:
        ValueError: It's something else.

    """
    try:
        members = json.loads(text)
        status, headers = members["status"], CIMultiDict(members["headers"])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("no answer's head") from error
    if type(status) is not int or not 200 <= status < 600:  # noqa: PLR2004
        raise ValueError("no answer's status")
    if not all(_may_pass(name, value) for name, value in headers.items()):
        raise ValueError("no answer's header")
    return status, headers


def _may_pass(name: str, value: Any) -> bool:
    plain = isinstance(value, str) and value.isascii() and value.replace("\t", " ").isprintable()
    return plain and name in ANSWER_HEADERS

"""The operator's endpoints for keys and the audit log, and who it is that calls the operator's endpoints."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from nlpbatch.errors import InvalidRequest
from nlpbatch.serving.query import read_query
from nlpbatch.wire.media import ACTOR
from proxy.instants import future, past
from proxy.operating.audit import MAX_ENTRIES, Actor
from proxy.operating.operating import Operating

ADDRESS: Final = "Nlpbatch-Address"
"""The header in which a host's supervisor tells its workers where an operator's request came from."""
_MAX_ACTOR: Final = 64
_MEMBERS: Final = {"tenant", "expires_at", "note"}
_DEFAULT_LIMIT: Final = 1000
_NO_STORE: Final = {"Cache-Control": "no-store"}


def actor_of(request: web.BaseRequest) -> Actor:
    """Return who sends a request to the admin listener, or to a worker's Unix socket through the supervisor.

    Raises:
        InvalidRequest: The header that says so isn't a name.

    """
    by = request.headers.get(ACTOR, "")
    if len(by) > _MAX_ACTOR or not by.isprintable():
        raise InvalidRequest(f"{ACTOR} is not a name of up to {_MAX_ACTOR} characters in UTF-8: send one", path=ACTOR)
    # Only a Unix socket has no remote address, and only the supervisor reaches it: nobody else's header counts.
    return Actor(request.remote or request.headers.get(ADDRESS) or "", by)


def add_operating_routes(app: web.Application, operating: Operating, now_s: Callable[[], float]) -> None:
    """Add the endpoints.

    Args:
        app: That of the admin listener.
        operating: What they show and change.
        now_s: Returns the time in seconds since the epoch.

    """
    keys, audit = operating.keys, operating.audit

    async def list_keys(request: web.Request) -> web.Response:
        return web.json_response({"keys": keys.listed(read_query(request).get("tenant"))})

    async def create_key(request: web.Request) -> web.Response:
        members, actor = _key_members(await request.read()), actor_of(request)
        expires = members.get("expires_at")
        expires_s = None if expires is None else _moment(future, expires, now_s(), "/expires_at")
        key, listed = await keys.create(members["tenant"], expires_s, members.get("note") or "", actor.by)
        made = {name: listed[name] for name in ("tenant", "expires_at", "note")}
        audit.record("key.create", listed["id"], actor, after=made)
        return web.json_response({"key": key} | listed, status=201, headers=_NO_STORE)

    async def revoke_key(request: web.Request) -> web.Response:
        actor = actor_of(request)
        revoked = await keys.revoke(request.match_info["id"], actor.by)
        if revoked.changed:
            audit.record("key.revoke", revoked.key["id"], actor, before="valid", after="revoked")
        return web.json_response(revoked.key | {"changed": revoked.changed, "pending": revoked.pending})

    async def show_audit(request: web.Request) -> web.Response:
        query = read_query(request)
        since_s = _moment(past, query["since"], now_s(), "?since") if "since" in query else 0.0
        entries, complete = await audit.entries(since_s, _limit(query.get("limit")))
        return web.json_response({"entries": [entry.to_json() for entry in entries], "complete": complete})

    app.router.add_get("/keys", list_keys)
    app.router.add_post("/keys", create_key)
    app.router.add_post("/keys/{id}/revoke", revoke_key)
    app.router.add_get("/audit", show_audit)


def _key_members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict) or not isinstance(members.get("tenant"), str):
        raise InvalidRequest('send {"tenant": "…"}, and expires_at and note if you like', path="/")
    for name, value in members.items():
        if name not in _MEMBERS:
            raise InvalidRequest(f"unknown member {name[:64]!r}: choose from {', '.join(sorted(_MEMBERS))}", path="/")
        if value is not None and not isinstance(value, str):
            raise InvalidRequest(f"{name} is a {type(value).__name__}: give a string", path=f"/{name}")
    return members


def _moment(read: Callable[[str, float], float], text: str, now_s: float, path: str) -> float:
    try:
        return read(text, now_s)
    except ValueError as error:
        raise InvalidRequest(str(error), path=path) from error


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or not 1 <= int(text) <= MAX_ENTRIES:
        raise InvalidRequest(f"limit={text[:20]}: give a number from 1 to {MAX_ENTRIES:,}", path="?limit")
    return int(text)

"""`/registrations`: APIs say where they are, and that they leave. Known only to those who have the secret."""

import hmac
import json
import logging
import re
import time
from typing import Any, Final

from aiohttp import web

from nlpbatch.errors import InvalidRequest, NoCapacity, NotFound, TooManyFailedKeys, Unauthenticated
from nlpbatch.serving.failed_keys import FailedKeys
from nlpbatch.serving.registered import NAME, PATH
from proxy.config_service import RegistrationSettings
from proxy.shared.store import StoreAway
from proxy.upstream.registry import Registry

_URL: Final = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}(/[A-Za-z0-9._~/-]*)?")
_MAX_BYTES: Final = 4096
_AGAIN_S: Final = 1.0
_log = logging.getLogger("nlpbatch.proxy")


def add_registration_routes(app: web.Application, registry: Registry) -> None:
    """Add the endpoints; they answer 404 while registration is off."""
    failed = FailedKeys()

    async def put(request: web.Request) -> web.Response:
        settings = _admit(request, registry, failed)
        url, name = await _members(request)
        try:
            await registry.register(url, name)
        except StoreAway as error:
            raise _away(error) from error
        return web.json_response({"ttl_s": settings.ttl_s})

    async def delete(request: web.Request) -> web.Response:
        _admit(request, registry, failed)
        url, name = await _members(request)
        try:
            needed = await registry.deregister(url, name)
        except StoreAway as error:
            raise _away(error) from error
        if needed is None:
            raise NoCapacity(
                "this proxy has just learnt of that backend, and can't tell yet whether runs need it: ask again",
                retry_after_s=_AGAIN_S,
            )
        return web.json_response({"needed_for": needed})

    async def get(request: web.Request) -> web.Response:
        _admit(request, registry, failed)
        return web.json_response({"registrations": registry.to_json()})

    app.router.add_get(PATH, get)
    app.router.add_put(PATH, put)
    app.router.add_delete(PATH, delete)


def _admit(request: web.Request, registry: Registry, failed: FailedKeys) -> RegistrationSettings:
    settings = registry.settings
    secret = settings.secret()
    if secret is None:
        raise NotFound("registration is off here: set [registration] secret_file in proxy.toml")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("utf-8", "replace"), secret):
        per_minute = registry.failed_keys_per_minute
        wait_s = failed.fail(request.remote or "", time.monotonic(), per_minute)
        if wait_s > 0:
            raise TooManyFailedKeys(
                f"over {per_minute:,} requests in a minute with a wrong secret from this address: correct the secret",
                retry_after_s=round(wait_s, 3),
            )
        _log.warning("registration refused", extra={"peer": request.remote or ""})
        raise Unauthenticated(
            "the secret is not that of this proxy's [registration]: give the API the same secret in [registration]"
        )
    return settings


async def _members(request: web.Request) -> tuple[str, str]:
    """Return the address of a backend, and its name; '' for one without."""
    if (request.content_length or 0) > _MAX_BYTES:
        raise InvalidRequest(f'the body is over {_MAX_BYTES:,} bytes: send {{"url": "http://HOST:PORT"}}')
    try:
        members: Any = json.loads(await request.read())
        url, name = members["url"], members.get("name", "")
    except (ValueError, KeyError, TypeError, RecursionError):
        url, name = None, ""
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise InvalidRequest('no address of a backend: send {"url": "http://HOST:PORT"}', path="/url")
    if not isinstance(name, str) or (name and not re.fullmatch(NAME, name)):
        raise InvalidRequest(f"no name of a backend: send one that matches {NAME}, or none", path="/name")
    return url.rstrip("/"), name


def _away(error: StoreAway) -> NoCapacity:
    return NoCapacity(f"{error}: register again when it is back", retry_after_s=_AGAIN_S)

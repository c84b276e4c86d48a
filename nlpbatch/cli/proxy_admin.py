"""Asks a running proxy through its admin listener."""

import argparse
import getpass
import json
import time
from typing import Any, Final

from nlpbatch.errors import ServiceUnreachable, UnexpectedAnswer

ADMIN: Final = "http://127.0.0.1:8702"
_TIMEOUT_S: Final = 10.0


def add_admin_options(parser: argparse.ArgumentParser, *, by: bool = False) -> None:
    """Add the options that say where the proxy is and, if something is changed, who changes it."""
    parser.add_argument("--admin", metavar="URL", default=ADMIN, help=f"of the running proxy (default {ADMIN})")
    if by:
        parser.add_argument("--by", metavar="NAME", help="who does it, for the audit log (default: your user name)")


def ask(
    admin: str, method: str, path: str, *, members: dict[str, Any] | None = None, by: str | None = None
) -> dict[str, Any]:
    """Return the members of a running proxy's answer.

    Args:
        admin: The address of its admin listener.
        method: Of the request.
        path: With the query.
        members: Of the request's body; None for no body.
        by: Who asks, for the audit log; None for the user who runs this process.

    Raises:
        ServiceUnreachable: Nothing answers there.
        UnexpectedAnswer: What answers is no admin listener.
        NlpbatchError: What the proxy refused it with.

    """
    import urllib3  # noqa: PLC0415  (starts fast)

    from nlpbatch.serving.admin_pool import admin_pool  # noqa: PLC0415
    from nlpbatch.wire.media import ACTOR  # noqa: PLC0415
    from nlpbatch.wire.problem import from_answer  # noqa: PLC0415

    url = f"{admin.rstrip('/')}{path}"
    body = None if members is None else json.dumps(members).encode()
    actor = (user_name() if by is None else by).encode("utf-8", "replace").decode("latin-1")  # as http.client sends it
    admins = admin_pool(_TIMEOUT_S)
    headers = {**admins.headers, "Content-Type": "application/json", ACTOR: actor}
    try:
        answer = admins.request(method, url, body=body, headers=headers)
        found: Any = json.loads(answer.data)
    except urllib3.exceptions.HTTPError as error:
        raise ServiceUnreachable(
            f"no running proxy answers at {url} ({type(error).__name__}): give its admin address with --admin"
        ) from error
    except ValueError:
        found = None
    if answer.status >= 400:  # noqa: PLR2004
        raise from_answer(answer.status, answer.headers, answer.data, now_s=time.time())
    if not isinstance(found, dict):
        raise UnexpectedAnswer(f"{url} is no admin listener of a proxy: give its admin address with --admin")
    return found


def user_name() -> str:
    """Return the name of the user who runs this process, '' if it has none."""
    try:
        return getpass.getuser()[:64]
    except (OSError, KeyError, ImportError):  # a container may have no name for its user
        return ""

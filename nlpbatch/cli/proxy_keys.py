"""`nlpbatch proxy key`: keys of a running proxy, and keys for its configuration file."""

import argparse
import re
import sys
from typing import Any
from urllib.parse import quote

from nlpbatch.cli.json_output import print_json
from nlpbatch.cli.proxy_admin import add_admin_options, ask
from nlpbatch.cli.tables import print_table
from nlpbatch.errors import ConfigError


def add_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    key = actions.add_parser(
        "key",
        help="make, list and revoke keys",
        description="With create, list or revoke: keys of a running proxy, or of all that share its store. "
        "With --tenant alone: make a key for proxy.toml; it is shown once and stored nowhere.",
    )
    key.add_argument("--tenant", metavar="NAME", help="make a key for proxy.toml, without a running proxy")
    key.set_defaults(run=run_make)
    commands = key.add_subparsers(metavar="ACTION")
    create = commands.add_parser("create", help="issue a key that is valid at once", description="Issue a key.")
    create.add_argument("--tenant", required=True, metavar="NAME", help="whom it is for")
    create.add_argument(
        "--expires", metavar="DATE", help="through which day it is valid (UTC), until when, or how long (90d, 12h)"
    )
    create.add_argument("--note", metavar="TEXT", default="", help="what to find it by, at most 200 characters")
    create.add_argument("--json", action="store_true", help="print the key and what is known of it for programs")
    create.set_defaults(run=run_create)
    list_ = commands.add_parser("list", help="list keys, without their secrets")
    list_.add_argument("--tenant", metavar="NAME", default=argparse.SUPPRESS, help="of this tenant only")
    list_.add_argument("--json", action="store_true", help="print JSON for programs")
    list_.set_defaults(run=run_list)
    revoke = commands.add_parser("revoke", help="refuse a key from now on, also one of proxy.toml")
    revoke.add_argument("id", metavar="ID", help="the 12 digits in the middle of the key")
    revoke.add_argument("--json", action="store_true", help="print JSON for programs")
    revoke.set_defaults(run=run_revoke)
    for parser, changes in ((create, True), (list_, False), (revoke, True)):
        add_admin_options(parser, by=changes)


def run_make(arguments: argparse.Namespace) -> int:
    """Print a new key to stdout, and where its hash belongs to stderr.

    Raises:
        ConfigError: No tenant is given, or none can have that name.

    """
    from proxy.config import TENANT_NAME  # noqa: PLC0415  (starts fast without the proxy extra)
    from proxy.keys import make_key  # noqa: PLC0415

    tenant = arguments.tenant
    if tenant is None:
        raise ConfigError("key without --tenant: give it, or one of create, list and revoke")
    if re.fullmatch(TENANT_NAME, tenant) is None:
        raise ConfigError(
            f"--tenant {tenant!r}: not 1 to 64 of A-Z a-z 0-9 . _ -, from a letter or digit on: rename it"
        )
    key, entry = make_key()
    table = f'tenants."{tenant}"' if "." in tenant else f"tenants.{tenant}"  # a bare dot would nest tables
    print(key)
    print(
        f"\nGive this key to {tenant}: it is not stored anywhere. Its hash goes into proxy.toml, beside others if the\n"
        f'tenant has any:\n\n[{table}]\nkeys = ["{entry}"]',
        file=sys.stderr,
    )
    return 0


def run_create(arguments: argparse.Namespace) -> int:
    """Print a new key to stdout, and what is known of it to stderr."""
    members = {"tenant": arguments.tenant, "expires_at": arguments.expires, "note": arguments.note}
    issued = ask(arguments.admin, "POST", "/keys", members=members, by=arguments.by)
    if arguments.json:
        print_json(issued)
        return 0
    print(issued["key"])
    until = f"until {issued['expires_at']}" if issued["expires_at"] else "until it is revoked"
    print(
        f"\nGive this key to {issued['tenant']}: only its hash is stored. It is valid {until}, at every proxy of the "
        f"fleet\nwithin 2 seconds. To end it: nlpbatch proxy key revoke {issued['id']}",
        file=sys.stderr,
    )
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Print a row for each key."""
    tenant = getattr(arguments, "tenant", None)
    path = "/keys" if tenant is None else f"/keys?tenant={quote(tenant, safe='')}"
    keys = ask(arguments.admin, "GET", path)["keys"]
    if arguments.json:
        print_json(keys)
        return 0
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("id", "tenant", "state", "created", "expires", "note", box=None)
    for key in keys:
        cells = (key["id"], key["tenant"], _state(key), key["created_at"], key["expires_at"], key["note"])
        table.add_row(*(escape(cell or "") for cell in cells))
    print_table(table)
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke a key; one that is revoked already stays so."""
    path = f"/keys/{quote(arguments.id, safe='')}/revoke"
    revoked = ask(arguments.admin, "POST", path, by=arguments.by)
    if arguments.json:
        print_json(revoked)
    elif revoked["changed"]:
        print(f"revoked {revoked['id']} of {revoked['tenant']}; requests under way finish")
    else:
        print(f"{revoked['id']} of {revoked['tenant']} was revoked already, at {revoked['revoked_at']}")
    if revoked["pending"]:
        print("the shared store is away: the other proxies refuse it when the store is back", file=sys.stderr)
    return 0


def _state(key: dict[str, Any]) -> str:
    state = str(key["state"])
    if key["state"] == "revoked" and key["revoked_at"]:
        state = f"revoked {key['revoked_at']}"
    return f"file, {state}" if key["source"] == "file" else state

"""`nlpbatch proxy check | diff | explain`: what a configuration means before it is live."""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpbatch.cli.json_output import print_json
from nlpbatch.cli.proxy_admin import ask
from nlpbatch.cli.tables import print_table
from nlpbatch.errors import ConfigError, ServiceUnreachable

if TYPE_CHECKING:
    from proxy.config import ProxySettings
    from proxy.planning.explain import Allowance

_ADMIN = "http://127.0.0.1:8702"
_REMEDY = "give its admin address with --admin, or a file with --against"


def add_parsers(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    check = actions.add_parser(
        "check",
        help="say what is wrong with a configuration, or what it means",
        description="List every error in a configuration with its line; without errors, print what the file means.",
    )
    check.add_argument("file", type=Path, metavar="FILE", help="proxy.toml")
    check.add_argument("--json", action="store_true", help="print settings and warnings for programs")
    check.set_defaults(run=run_check)
    diff = actions.add_parser(
        "diff",
        help="say which tenants gain and which lose by a configuration",
        description="Compare a configuration with the one that a running proxy has: what changes, and for whom.",
    )
    diff.add_argument("file", type=Path, metavar="FILE", help="the new proxy.toml")
    diff.add_argument("--admin", metavar="URL", default=_ADMIN, help=f"of the running proxy (default {_ADMIN})")
    diff.add_argument("--against", type=Path, metavar="FILE", help="compare with this file instead of a running proxy")
    diff.add_argument("--json", action="store_true", help="print the changes for programs")
    diff.set_defaults(run=run_diff)
    explain = actions.add_parser(
        "explain",
        help="say which limit binds for a tenant's requests",
        description="List all limits that a tenant's requests meet, and how much each allows; the first one binds. "
        "Then say how many workers would be wanted for all that the tenant may send.",
    )
    explain.add_argument("--config", type=Path, required=True, metavar="FILE", help="proxy.toml")
    explain.add_argument("--tenant", required=True, metavar="NAME", help="whose requests")
    explain.add_argument(
        "--admin",
        metavar="URL",
        help="of a running proxy: also say what is left of budgets and how many workers are wanted there",
    )
    explain.add_argument("--bytes", type=int, default=65_536, metavar="N", help="size of each request (default 65,536)")
    explain.add_argument(
        "--class", dest="class_name", choices=("interactive", "batch"), default="batch", help="(default batch)"
    )
    explain.add_argument(
        "--workers", type=int, default=8, metavar="N", help="workers of all backends together (default 8)"
    )
    explain.add_argument(
        "--worker-bytes-per-s",
        type=float,
        default=200_000.0,
        metavar="N",
        help="bytes that a worker analyses in a second (default 200,000)",
    )
    explain.add_argument("--json", action="store_true", help="print limits and workers for programs")
    explain.set_defaults(run=run_explain)


def run_check(arguments: argparse.Namespace) -> int:
    """Print what the file means, and what is odd about it."""
    from proxy.planning.check import summary, warnings  # noqa: PLC0415  (starts fast without the proxy extra)

    settings = _load(arguments.file)
    if arguments.json:
        members = {"settings": settings.model_dump(mode="json"), "warnings": list(warnings(settings))}
        print_json(members)
        return 0
    print("\n".join(summary(settings)))
    for warning in warnings(settings):
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def run_diff(arguments: argparse.Namespace) -> int:
    """Print a row for each thing that would be different."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from proxy.planning.diff import changes  # noqa: PLC0415

    after = _load(arguments.file)
    before = _load(arguments.against) if arguments.against is not None else _ask(arguments.admin)
    found = changes(before, after)
    if arguments.json:
        print_json([asdict(change) for change in found])
        return 0
    if not found:
        print("nothing would change")
        return 0
    table = Table("who", "what", "before", "after", "effect", box=None)
    colours = {"gains": "green", "loses": "red", "changes": "yellow", "needs a restart": "magenta"}
    for change in found:
        effect = f"[{colours[change.effect]}]{change.effect}[/]"
        cells = (change.who, change.what, change.before, change.after)
        table.add_row(*map(escape, cells), effect)
    print_table(table)
    return 0


def run_explain(arguments: argparse.Namespace) -> int:
    """Print every limit on the way, the one that binds first."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from proxy.planning.explain import Load, allowances, workers_for  # noqa: PLC0415

    settings = _load(arguments.config)
    _check_load(arguments, settings)
    load = Load(
        arguments.tenant, arguments.bytes, arguments.class_name, arguments.workers, arguments.worker_bytes_per_s
    )
    limits = allowances(settings, load)
    if arguments.json:
        print_json(_explained(limits, workers_for(settings, load), arguments))
        return 0
    table = Table("", "limit", "allows bytes/s", "requests/s", "", box=None)
    for number, one in enumerate(limits):
        unlimited = math.isinf(one.bytes_per_s)
        rate = "any" if unlimited else f"{one.bytes_per_s:,.0f}"
        requests = "any" if unlimited else f"{one.bytes_per_s / load.size_bytes:,.2f}"
        table.add_row("" if number else "[bold]binds[/]", escape(one.name), rate, requests, escape(one.note))
    print_table(table)
    print(f"workers: {workers_for(settings, load)}")
    if arguments.admin is not None:
        state = ask(arguments.admin, "GET", "/state")
        print(_wanted_now(state, arguments.admin))
        print(_left_of_budget(state, arguments.admin, arguments.tenant))
    return 0


def _explained(limits: "Sequence[Allowance]", workers: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what `explain` says as JSON members; null for a rate without a bound."""
    rows = [
        {"limit": one.name, "bytes_per_s": None if math.isinf(one.bytes_per_s) else one.bytes_per_s, "note": one.note}
        for one in limits
    ]
    state = None if arguments.admin is None else ask(arguments.admin, "GET", "/state")
    found: dict[str, Any] = {"binds": rows[0]["limit"] if rows else None, "limits": rows, "workers": workers}
    if state is not None:
        found |= {"scaling": state.get("scaling"), "budget": state["tenants"].get(arguments.tenant, {}).get("budget")}
    return found


def _wanted_now(state: Mapping[str, Any], admin: str) -> str:
    """Return how many workers a running proxy wants, with its reason."""
    scaling = state.get("scaling") or {}
    if scaling.get("wanted_workers") is None:
        return f"{admin} doesn't say how many workers are wanted: {scaling.get('reason', 'it is of an older version')}"
    return f"{scaling['wanted_workers']:,} workers are wanted, {scaling['workers']:,} are ready: {scaling['reason']}"


def _left_of_budget(state: Mapping[str, Any], admin: str, tenant: str) -> str:
    """Return what is left of a tenant's budgets at a running proxy, a line for each."""
    budgets = state.get("tenants", {}).get(tenant, {}).get("budget")
    if not budgets:
        return f"{tenant} has no budget at {admin}"
    return "\n".join(
        f"{name}: {left['left_bytes']:,} of {left['limit_bytes']:,} bytes are left until {left['begins_again_at']}"
        for name, left in budgets.items()
    )


def _check_load(arguments: argparse.Namespace, settings: "ProxySettings") -> None:
    if arguments.tenant not in settings.tenants:
        known = ", ".join(settings.tenants)
        raise ConfigError(f"--tenant {arguments.tenant!r} is not in {arguments.config}: choose from {known}")
    for name in ("bytes", "workers", "worker_bytes_per_s"):
        if not 0 < getattr(arguments, name) < math.inf:
            option = name.replace("_", "-")
            raise ConfigError(f"--{option} {getattr(arguments, name):g}: give a number above 0")


def _load(file: Path) -> "ProxySettings":
    from nlpbatch.serving.settings import load  # noqa: PLC0415
    from proxy.config import ProxySettings  # noqa: PLC0415

    return load(file, ProxySettings)


def _ask(admin: str) -> "ProxySettings":
    """Return the running proxy's settings."""
    import urllib3  # noqa: PLC0415

    from nlpbatch.serving.admin_pool import admin_pool  # noqa: PLC0415
    from nlpbatch.serving.settings import check  # noqa: PLC0415
    from proxy.config import ProxySettings  # noqa: PLC0415

    url = f"{admin.rstrip('/')}/config"
    try:
        answer = admin_pool(5.0).request("GET", url)
        members: Any = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise ServiceUnreachable(f"no running proxy answers at {url} ({type(error).__name__}): {_REMEDY}") from error
    if answer.status != 200 or not isinstance(members, dict):  # noqa: PLR2004
        raise ServiceUnreachable(f"{url} answered HTTP {answer.status}, which is no configuration: {_REMEDY}")
    return check(members, ProxySettings, url)

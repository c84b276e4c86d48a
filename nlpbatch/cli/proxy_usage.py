"""`nlpbatch proxy usage`: what was done for tenants, keys and jobs, and on which days."""

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from nlpbatch.cli.json_output import print_json
from nlpbatch.cli.tables import print_table
from nlpbatch.errors import ConfigError, ServiceUnreachable

_ADMIN: Final = "http://127.0.0.1:8702"
_REMEDY: Final = "give its admin address with --admin"
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "tenant": ("tenant",),
    "key": ("tenant", "key"),
    "job": ("tenant", "job"),
    "day": ("day",),
}
_SHOWN: Final = (
    "requests",
    "answered_bytes",
    "attempts",
    "analysed",
    "analysed_bytes",
    "documents",
    "replayed",
    "refused",
    "failed",
    "abandoned",
)
_PROBLEM_STATUS: Final = 400
_MIN_WIDTH: Final = 200
"""In a narrower terminal the lines wrap: half of a number would mislead."""


def add_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = actions.add_parser(
        "usage",
        help="say what was done for tenants, keys and jobs",
        description="Ask a running proxy for its ledger, which speaks for all proxies that share a store with it.",
    )
    parser.add_argument("--by", choices=tuple(_NAMES), default="tenant", help="what gets a row (default tenant)")
    parser.add_argument(
        "--since", metavar="DATE", help="first day, such as 2026-11-01, UTC (default: the last 31 days)"
    )
    parser.add_argument("--until", metavar="DATE", help="last day (default today)")
    parser.add_argument("--tenant", metavar="NAME", help="of this tenant only")
    parser.add_argument("--job", metavar="NAME", help="of this job only")
    parser.add_argument("--admin", metavar="URL", default=_ADMIN, help=f"of a running proxy (default {_ADMIN})")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print what the proxy answers")
    form.add_argument("--csv", action="store_true", help="print all counts as comma-separated values")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each tenant, key, job or day."""
    names = ("by", "since", "until", "tenant", "job")
    answer = _ask(arguments.admin, {name: value for name in names if (value := getattr(arguments, name)) is not None})
    if arguments.json:
        print_json(answer)
        return 0
    if arguments.csv:
        _print_csv(_NAMES[arguments.by], answer["rows"])
    else:
        _print_table(_NAMES[arguments.by], answer)
    if answer["missing"]:
        print(
            f"warning: the last counts of {answer['missing']} killed proxies are missing: "
            "start a proxy with the same ledger.directory on their hosts",
            file=sys.stderr,
        )
    return 0


def _print_csv(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    columns = [*names, *(name for name in (rows[0] if rows else _SHOWN) if name not in names)]
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _print_table(names: Sequence[str], answer: Mapping[str, Any]) -> None:
    from rich.markup import escape  # noqa: PLC0415  (starts fast without the proxy extra)
    from rich.table import Table  # noqa: PLC0415

    rows = answer["rows"]
    if not rows:
        print(f"nothing from {answer['since']} to {answer['until']}")
        return
    print(f"{answer['since']} to {answer['until']}")
    table = Table(box=None)
    for name in names:
        table.add_column(name)
    for name in _SHOWN:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        named = (escape(str(row[name]) or "(none)") for name in names)
        table.add_row(*named, *(f"{row[name]:,}" for name in _SHOWN))
    print_table(table, min_width=_MIN_WIDTH)


def _ask(admin: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the running proxy's answer."""
    import urllib3  # noqa: PLC0415

    from nlpbatch.serving.admin_pool import admin_pool  # noqa: PLC0415

    url = f"{admin.rstrip('/')}/usage"
    try:
        answer = admin_pool(30.0).request("GET", f"{url}?{urlencode(parameters)}")
        members: Any = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise ServiceUnreachable(f"no running proxy answers at {url} ({type(error).__name__}): {_REMEDY}") from error
    if answer.status == _PROBLEM_STATUS and isinstance(members, dict):
        raise ConfigError(str(members.get("detail", "the proxy can't use the options: correct them")))
    if answer.status != 200 or not isinstance(members, dict) or "rows" not in members:  # noqa: PLR2004
        said = members.get("detail") if isinstance(members, dict) else None
        raise ServiceUnreachable(f"{url} answered HTTP {answer.status}: {said or f'no usage: {_REMEDY}'}")
    return members

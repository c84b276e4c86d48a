"""`nlpbatch proxy audit`: who changed what at running proxies."""

import argparse
import json
import sys
from typing import Any
from urllib.parse import urlencode

from nlpbatch.cli.json_output import print_json
from nlpbatch.cli.proxy_admin import add_admin_options, ask
from nlpbatch.cli.tables import print_table


def add_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = actions.add_parser(
        "audit",
        help="list who changed what while proxies ran",
        description="List changes of keys, configuration, pauses, drains and log level, the oldest first.",
    )
    parser.add_argument("--since", metavar="TIME", help="from this date or time on (UTC), or so long ago (12h, 7d)")
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="the newest so many (default 1,000)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    add_admin_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each change."""
    query = {"limit": str(arguments.limit)} | ({} if arguments.since is None else {"since": arguments.since})
    answer = ask(arguments.admin, "GET", f"/audit?{urlencode(query)}")
    if not answer["complete"]:
        print("the shared store is away: these are the changes at this proxy alone", file=sys.stderr)
    if arguments.json:
        print_json(answer["entries"])
        return 0
    from rich.markup import escape  # noqa: PLC0415  (starts fast)
    from rich.table import Table  # noqa: PLC0415

    table = Table("at", "who", "proxy", "what", "of", "before", "after", box=None)
    for entry in answer["entries"]:
        who = " from ".join(filter(None, (entry["by"], entry["address"])))
        cells = (entry["at"], who, entry["proxy"], entry["action"], entry["target"])
        table.add_row(*map(escape, cells), escape(_shown(entry["before"])), escape(_shown(entry["after"])))
    print_table(table)
    return 0


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

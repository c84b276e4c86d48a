"""`nlpbatch top`: what a running proxy does, in a terminal: the figures of its dashboard."""

import argparse
import json
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nlpbatch.cli.proxy_admin import add_admin_options, ask
from nlpbatch.cli.tables import print_table
from nlpbatch.errors import ConfigError, NlpbatchError

if TYPE_CHECKING:
    from rich.console import RenderableType

_PATH = "/dashboard.json"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "top",
        help="show what a running proxy does: limits, tenants, jobs, refusals",
        description="Show what a running proxy does: what will be full first, tenants, jobs, backends, refusals with "
        "their reasons. Refreshes until Ctrl-C in a terminal; prints once into anything else. The same as a page, with "
        "more: http://127.0.0.1:8702/dashboard.",
    )
    parser.add_argument("--once", action="store_true", help="print once")
    parser.add_argument("--json", action="store_true", help="print all that is known, once, for programs")
    parser.add_argument("--period", type=float, default=2.0, metavar="SECONDS", help="between two looks (default 2)")
    add_admin_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show it until Ctrl-C, or print it once."""
    if not 0.1 <= arguments.period <= 3600:  # noqa: PLR2004
        raise ConfigError(f"--period is {arguments.period:g}: give 0.1 to 3,600 seconds")
    found = ask(arguments.admin, "GET", _PATH)
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=_is_plain()))
        return 0
    if arguments.once or not sys.stdout.isatty():
        _print(found)
        return 0
    with suppress(KeyboardInterrupt):  # as it is meant to end
        _follow(arguments.admin, arguments.period, found)
    return 0


def _print(found: dict[str, Any]) -> None:
    from rich.table import Table  # noqa: PLC0415  (starts fast)

    from nlpbatch.cli.top_screen import screen  # noqa: PLC0415

    for part in screen(found, plain=_is_plain()):
        if isinstance(part, Table):
            print()
            print_table(part)
        else:
            print(part)


def _follow(admin: str, period_s: float, found: dict[str, Any]) -> None:
    """Show it on the whole screen; while the proxy is away, its last figures and why."""
    from rich.console import Console, Group  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from nlpbatch.cli.top_screen import screen  # noqa: PLC0415

    plain = _is_plain()

    def whole(found: dict[str, Any], fault: str) -> "RenderableType":
        return Group(*([Text(fault, "bold red")] if fault else []), *screen(found, plain=plain))

    with Live(whole(found, ""), console=Console(highlight=False), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(period_s)
            fault = ""
            try:
                found = ask(admin, "GET", _PATH)
            except NlpbatchError as error:
                fault = error.message
            live.update(whole(found, fault), refresh=True)


def _is_plain() -> bool:
    """Return whether the output takes ASCII only, as in locale C."""
    try:
        "█░".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return False

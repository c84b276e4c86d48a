"""`nlpbatch runs`: the jobs and recipes below a directory, in the terminal, as a page, or as an exit code."""

import argparse
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from nlpbatch.cli.json_output import print_json
from nlpbatch.errors import ConfigError

_KEY_VARIABLE = "NLPBATCH_RUNS_KEY"
_MIN_KEY = 16
_MEGABYTE = 1_000_000
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_EDITING_BYTES = 1_048_576
"""The largest request of the page that edits recipes: one, as a string of JSON."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "runs",
        help="show the jobs and recipes whose records lie below a directory",
        description="Show all jobs and recipes whose records lie below a directory (local, HDFS, S3): what runs, what "
        "has failed and why, what it cost. Reads records only: it works while they run and years later.",
    )
    parser.add_argument("directory", metavar="DIR", help="where outputs are, such as hdfs://namenode/out")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print all that is known")
    shown.add_argument("--html", type=Path, metavar="FILE", help="write the page, as one file that needs nothing else")
    shown.add_argument("--serve", action="store_true", help="serve the page, which follows what runs")
    shown.add_argument("--check", action="store_true", help="print what has failed, and end with 1 if anything has")
    parser.add_argument(
        "--late", metavar="AGE", help="--check: a run that ended so long ago is late, such as 26h or 8d"
    )
    parser.add_argument(
        "--alerts",
        nargs="?",
        const="",
        metavar="FILE",
        help="--check: tell those whom [alerts] of this TOML file or the environment names",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help=f"--serve: where (default 127.0.0.1; others need ${_KEY_VARIABLE})"
    )
    parser.add_argument("--port", type=int, default=8704, help="--serve: where (default 8704; 0 for any)")
    parser.add_argument(
        "--recipes",
        type=Path,
        metavar="DIR",
        help="--serve: edit and try the recipes below this directory on the page; whoever may open it can run them",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show them; with --check, return 1 if anything is wrong."""
    from nlpbatch.pipelines.page import to_html  # noqa: PLC0415  (starts fast)
    from nlpbatch.pipelines.records import Records  # noqa: PLC0415

    late = _age(arguments.late)
    for name in ("late", "alerts"):
        if getattr(arguments, name) is not None and not arguments.check:
            raise ConfigError(f"--{name} belongs to --check: give both")
    if arguments.recipes is not None and not arguments.serve:
        raise ConfigError("--recipes belongs to --serve: give both")
    told = None if arguments.alerts is None else _told(arguments.alerts)
    if arguments.serve:
        return _serve(arguments, Records(arguments.directory))
    found = _look(arguments.directory, told)
    if arguments.json:
        print_json(found)
    elif arguments.html is not None:
        try:
            arguments.html.write_text(to_html(found), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{arguments.html} can't be written: {error.strerror}") from error
        print(f"{arguments.html}: {len(found['runs'])} runs", file=sys.stderr)
    elif arguments.check:
        return _check(found, late, told)
    else:
        _print(found)
    return 0


def _look(directory: str, told: Any) -> dict[str, Any]:
    """Return all runs; a directory that can't be looked at is told, too."""
    from nlpbatch.pipelines.check_alert import unreachable_alert  # noqa: PLC0415
    from nlpbatch.pipelines.overview import overview  # noqa: PLC0415
    from nlpbatch.pipelines.records import Records  # noqa: PLC0415

    try:
        return overview(Records(directory))
    except ConfigError as error:
        if told is not None:
            told.deliver(unreachable_alert(directory, error, told), _say)
        raise


def _check(found: Mapping[str, Any], late: timedelta | None, told: Any) -> int:
    from nlpbatch.pipelines.check_alert import check_alert  # noqa: PLC0415
    from nlpbatch.pipelines.overview import faults  # noqa: PLC0415

    wrong = faults(found, late=late)
    lines = [f"{one.name}: {one.state}: {one.why}" for one in wrong]
    print("\n".join(lines) or f"all {len(found['runs'])} runs are in order", flush=True)
    if told is not None:
        told.deliver(check_alert(found, wrong, told), _say)
    return int(bool(wrong))


def _told(file: str) -> Any:
    """Return who is told what a check found."""
    from nlpbatch.recipe.alert_settings import WEBHOOK, alerts_of, read_alerts  # noqa: PLC0415

    settings = read_alerts(Path(file)) if file else None
    if file and settings is None:
        raise ConfigError(f"--alerts {file}: it has no [alerts]: add it, or leave the file out to use ${WEBHOOK}")
    alerts = alerts_of(settings, os.environ)
    if settings is None and not alerts.hooks:
        raise ConfigError(f"--alerts names nobody: give a TOML file with [alerts], or set ${WEBHOOK}")
    return alerts


def _say(line: str) -> None:
    print(f"nlpbatch: {line}", file=sys.stderr)


def _serve(arguments: argparse.Namespace, records: Any) -> int:
    import asyncio  # noqa: PLC0415

    from nlpbatch.pipelines.access import PageAccess  # noqa: PLC0415
    from nlpbatch.pipelines.serve import add_runs_pages  # noqa: PLC0415
    from nlpbatch.serving import logs  # noqa: PLC0415
    from nlpbatch.serving.hosts import is_loopback  # noqa: PLC0415
    from nlpbatch.serving.lifecycle import new_application, serve  # noqa: PLC0415
    from nlpbatch.serving.listen import ListenSettings  # noqa: PLC0415

    key = os.environ.get(_KEY_VARIABLE, "").strip() or None
    if key is None and not is_loopback(arguments.host):
        raise ConfigError(
            f"--host {arguments.host} lets others see it: set ${_KEY_VARIABLE} to a key that they have to know"
        )
    if key is not None and len(key) < _MIN_KEY:
        raise ConfigError(
            f"${_KEY_VARIABLE} has {len(key)} characters: give {_MIN_KEY} or more, as from openssl rand -hex 32"
        )
    if not 0 <= arguments.port <= 65_535:  # noqa: PLR2004
        raise ConfigError(f"--port is {arguments.port}: give 0 to 65,535")
    logs.configure("info")
    edits = arguments.recipes is not None
    # Whoever opens the page that edits recipes can run what they like: no other user of this machine may.
    token = secrets.token_urlsafe(32) if edits and key is None else None
    access = PageAccess(key, token)
    app = new_application(body_bytes=_EDITING_BYTES if edits else 1024, drain_retry_after_s=1.0)
    add_runs_pages(app, records, access, recipes=edits)
    if edits:
        _add_recipe_pages(app, arguments.recipes, access)
    listen = ListenSettings(host=arguments.host, port=arguments.port, drain_timeout_s=1.0)
    announce = None if token is None else partial(_announced, arguments.host, token)
    asyncio.run(serve(app, listen, announce=announce))
    return 0


@asynccontextmanager
async def _announced(host: str, token: str, port: int) -> AsyncIterator[None]:
    """Say at which address the page is; the token is nowhere else."""
    name = f"[{host}]" if ":" in host else host
    _say(f"open http://{name}:{port}/recipes?token={token}")
    yield


def _add_recipe_pages(app: Any, directory: Path, access: Any) -> None:
    try:
        from nlpbatch.pipelines.editing.pages import RecipePages  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"--recipes needs {error.name}, which isn't here: pip install 'nlpbatch[server,spark,explore]'"
        ) from error
    from nlpbatch.pipelines.editing.folder import RecipeFolder  # noqa: PLC0415

    RecipePages(RecipeFolder(directory)).add_to(app, access)


def _print(found: Mapping[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, header_style="bold")
    for name in ("state", "run", "rows", "rows/s", "analysed", "errors", "ended"):
        table.add_column(name, justify="right" if name in {"rows", "rows/s", "analysed", "errors"} else "left")
    for one in found["runs"]:
        job = one["job"] or {"counts": {}, "errors": {}, "rows_per_s": None, "analysed_bytes": None}
        what = one["path"] or found["url"]
        # As text: names may have brackets, which are markup elsewhere.
        cells = [one["state"], f"{what}\n{one['why']}" if one["why"] else what]
        cells += [_number(job["counts"].get("rows")), _number(job["rows_per_s"]), _bytes(job["analysed_bytes"])]
        cells += [_number(sum(job["errors"].values())), (one["ended_at"] or "")[:16].replace("T", " ")]
        table.add_row(*map(Text, cells))
    Console().print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _bytes(value: int | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1e3:,.1f} kB" if value < _MEGABYTE else f"{value / 1e6:,.1f} MB"


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found is None:
        raise ConfigError(f"--late is {text!r}: give a number and m, h or d, such as 26h")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])

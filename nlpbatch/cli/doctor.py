"""`nlpbatch doctor`: whether this machine, the cluster and the service are as they should be, and what to do if not."""

import argparse
import os
import sys
from typing import TYPE_CHECKING, Final

from nlpbatch.cli.json_output import print_json
from nlpbatch.errors import ConfigError
from nlpbatch.program import FAILED, LOOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nlpbatch.doctor.finding import Check, Finding

_PATIENCE_S: Final = 120.0
_MAX_PATIENCE_S: Final = 3600.0
_EPILOG: Final = """examples:
  nlpbatch doctor
  nlpbatch doctor --service http://proxy.example:8700 --master yarn --hdfs hdfs://namenode:8020/out
  nlpbatch doctor --json | jq '.checks[] | select(.state == "failed")'

states: fine; skipped, because nobody asked for it, or it isn't installed and nothing here needs it; look; failed
exit code: 0 nothing to do; 3 somebody should look; 1 something failed; 2 wrong usage"""
_COLOURS: Final = {"fine": "green", "skipped": "dim", "look": "yellow", "failed": "bold red"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "doctor",
        help="say what is wrong with this machine, the cluster or the service, and what to do about it",
        description="Look at Python, packages, Java and Spark of this machine, and at the service: whether it can be "
        "reached, takes the key, has the same time and version, and analyses. With --master also at the executors, "
        "by a small job of Spark; with --hdfs at a file system. The service is sent a sentence of ours, nothing else.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--service", metavar="URL,…", help="address of the proxy, or several; else from NLPBATCH_SERVICE"
    )
    parser.add_argument("--api-key", metavar="KEY", help="better in NLPBATCH_API_KEY: other users see arguments")
    parser.add_argument("--master", metavar="MASTER", help="run a small job there: yarn, local[*], spark://…, k8s://…")
    parser.add_argument("--hdfs", metavar="URL", help="look up this path, such as hdfs://namenode:8020/out")
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=_PATIENCE_S,
        help="for the job of --master (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print all findings as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look, print what is found, and return 1 if something failed, 3 if somebody should look."""
    from nlpbatch.doctor.examination import examine  # noqa: PLC0415  (starts fast)
    from nlpbatch.doctor.finding import worst  # noqa: PLC0415

    checks = _checks(arguments)
    findings = examine(checks, None if arguments.json else _print)
    state = worst(findings)
    if arguments.json:
        found = {"state": state, "checks": [finding.to_json() for finding in findings]}
        print_json(found)
    return {"failed": FAILED, "look": LOOK}.get(state, 0)


def _checks(arguments: argparse.Namespace) -> "Sequence[Check]":
    """Return what to look at; arguments that can't be used are an error before anything is looked at."""
    from functools import partial  # noqa: PLC0415

    from nlpbatch.client.address import parse_addresses  # noqa: PLC0415
    from nlpbatch.doctor import executors, hdfs, interpreter, java, service, spark  # noqa: PLC0415
    from nlpbatch.doctor.finding import Check  # noqa: PLC0415

    if not 1 <= arguments.patience <= _MAX_PATIENCE_S:
        raise ConfigError(f"--patience {arguments.patience:g}: give 1 to {_MAX_PATIENCE_S:,.0f} seconds")
    key = arguments.api_key or os.environ.get("NLPBATCH_API_KEY") or None
    named = arguments.service or os.environ.get("NLPBATCH_SERVICE") or None
    addresses = () if named is None else parse_addresses(named)
    wanted = arguments.master is not None
    checks = [
        Check("python", interpreter.check_python),
        Check("packages", interpreter.check_packages),
        Check("java", partial(java.check_java, needed=spark.has_spark() or wanted), java.BOUND_S + 5),
        Check("spark", partial(spark.check_spark, wanted=wanted)),
    ]
    checks += [
        Check("service", service.ServiceCheck(address, key).run, service.BOUND_S, service.LATE) for address in addresses
    ]
    if not addresses:
        checks.append(Check("service", service.not_named))
    if arguments.hdfs is not None:
        checks.append(Check("hdfs", partial(hdfs.check_hdfs, arguments.hdfs), hdfs.BOUND_S, hdfs.LATE))
    if wanted:
        look = partial(executors.check_executors, arguments.master, addresses, arguments.patience)
        checks.append(Check("executors", look, arguments.patience + 10, executors.LATE))
    return checks


def _print(findings: "Sequence[Finding]") -> None:
    """Print a line for each finding and its remedy; colours only on a terminal, and none with NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415  (--json does without)
    from rich.text import Text  # noqa: PLC0415

    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        line = Text(f"{finding.state:<8}", style=_COLOURS[finding.state])
        console.print(line.append(f"{finding.check:<18} {finding.found}", style="default"))
        if finding.remedy:
            console.print(Text(f"{'':<27}-> {finding.remedy}"))
    sys.stdout.flush()  # the next check may take long

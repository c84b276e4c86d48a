"""spark-submit jobs/analyze.py --input IN --text COLUMN --output OUT --service URL: tokens for columns of text."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Final

from nlpbatch.alerts.after import Ending, with_alert
from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.alert_settings import alerts_of, read_alerts
from nlpbatch.spark.job import run
from nlpbatch.spark.job_alert import job_alert
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.report import Report
from nlpbatch.spark.runs.formats import FORMATS
from nlpbatch.spark.script import run_script, running_session, translated
from nlpbatch.spark.tables.formats import FORMATS as FORMATS_OF_TABLES
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import OPERATIONS, OPTIONS
from nlpbatch.wire.options.values import parse_text

SET_ASIDE: Final = 3
"""Exit code of a run that is done, except for files that can't be read."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="analyze.py",
        description="Add the tokens of text columns to a data set, as Parquet. Started again, it resumes where it "
        "ended; once everything is done, it reads only new files.",
        epilog=f"Token fields: {', '.join(TOKEN_FIELDS)}. The API key is read from NLPBATCH_API_KEY, or from --config: "
        "Spark shows the arguments of a job in its UI and keeps them in its event log. "
        "Exit codes: 0 done, or stopped as asked; 1 failed; 2 wrong options, input or output; 3 done, except "
        "for files that were set aside.",
    )
    found.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of these options; - becomes _")
    found.add_argument("--input", metavar="PATH", help="file, directory or glob to read")
    found.add_argument(
        "--text", metavar="COLUMN", action="append", help="column to analyse, of strings or arrays; may be given again"
    )
    found.add_argument("--output", help="directory to write; with --output-table it has the run's records only")
    found.add_argument(
        "--output-table", metavar="NAME", help="add the rows to this table of Delta or Iceberg, dead ones to NAME_dead"
    )
    found.add_argument("--table-format", choices=tuple(FORMATS_OF_TABLES), help="of a table that isn't there yet")
    found.add_argument(
        "--evolve-schema",
        action="store_true",
        default=None,
        help="add columns that the table lacks, and leave those empty that the rows lack",
    )
    found.add_argument("--service", metavar="URL,…", help="address of the proxy, or several; else NLPBATCH_SERVICE")
    found.add_argument("--analyzer", metavar="NAME", help="analyzer to use (default: default)")
    found.add_argument("--fields", metavar="A,B,…", help="token fields to return (default: form,tag,start,end)")
    found.add_argument("--tags", metavar="A,B,…", help="return tokens of these tags only, such as NNG,NNP")
    found.add_argument("--top-n", type=int, metavar="N", help="return so many candidates instead of tokens")
    found.add_argument("--sentences", action="store_true", default=None, help="return where the sentences are, too")
    found.add_argument("--operation", choices=OPERATIONS, help="what to ask of each text (default: analyze)")
    found.add_argument(
        "--option", metavar="KEY=VALUE", action="append", help="further option of it, such as normalize_coda=true"
    )
    found.add_argument("--format", choices=FORMATS, help="format of the input (default: as the files are named)")
    found.add_argument(
        "--reader", metavar="KEY=VALUE", action="append", help="option of Spark's reader for it, such as sep=;"
    )
    found.add_argument(
        "--encoding", metavar="NAME", help="encoding of CSV, JSON or text, such as cp949 (default: utf-8)"
    )
    found.add_argument(
        "--max-record-lines",
        type=int,
        metavar="N",
        help="most lines of one CSV record; a longer one counts as a quote that isn't closed (default: 1000)",
    )
    found.add_argument("--schema", metavar="DDL", help="its columns, such as 'id bigint, review string'")
    found.add_argument("--where", metavar="SQL", help="take only rows that meet this, such as 'rating >= 9'")
    found.add_argument("--overwrite", action="store_true", default=None, help="delete an existing output first")
    found.add_argument(
        "--reprocess",
        action="store_true",
        default=None,
        help="if the output was created with different settings, write a new version beside it: OUTPUT.v2",
    )
    found.add_argument("--max-bytes", type=int, metavar="N", help="end after so many bytes of input files")
    found.add_argument("--until", metavar="TIME", help="end at 06:00, or 2026-11-24T06:00")
    found.add_argument("--max-error-ratio", type=float, metavar="R", help="stop if a greater share of rows fails: 0.01")
    found.add_argument("--batch-bytes", type=int, metavar="N", help="bytes of input files in a micro-batch")
    found.add_argument("--pushgateway", metavar="URL", help="Prometheus Pushgateway that gets the progress")
    found.add_argument("--request-bytes", type=int, metavar="N", help="text per request (default: 65536)")
    found.add_argument("--in-flight", type=int, metavar="N", help="requests under way per task (default: 4)")
    found.add_argument("--patience-s", type=float, metavar="S", help="keep retrying for so long (default: 300)")
    return found


def parse(argv: list[str] | None = None) -> JobOptions:
    """Return the options of the command line and of --config; exits with 2 on wrong usage."""
    return JobOptions.merge(*_given(argv))


def _given(argv: list[str] | None) -> tuple[Path | None, dict[str, Any]]:
    """Return the file of --config, and the options of the command line and the environment."""
    given = vars(parser().parse_args(argv))
    file = given.pop("config")
    given["reader"] = _pairs(given["reader"])
    given["options"] = (
        {name: _value(name, text) for name, text in pairs.items()} if (pairs := _pairs(given.pop("option"))) else None
    )
    given["service"] = given["service"] or os.environ.get("NLPBATCH_SERVICE")
    given["api_key"] = os.environ.get("NLPBATCH_API_KEY") or None
    return file, given


def _pairs(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    pairs = [item.partition("=") for item in given]
    wrong = next((name for name, separator, _ in pairs if not separator), None)
    if wrong is not None:
        raise ConfigError(f"option {wrong!r} has no value: write it as KEY=VALUE")
    return {name: value for name, _, value in pairs}


def _value(name: str, text: str) -> Any:
    """Return the value of an option as a query has it: true, 3, lists as A,B or in JSON."""
    return parse_text(OPTIONS[name], text) if name in OPTIONS else text


def _render_outcome(report: Report) -> str:
    if report.stopped is not None:
        return f"stopped, {report.stopped}: start it again to resume"
    return "done" if report.new_rows or report.attempts == 1 else "nothing new, all was done before"


def main() -> int:
    """Run the job; return 0 when done or stopped as asked, 1 when it failed, 2 for wrong options, 130 after Ctrl-C.

    3 means that everything is done, except for files that were set aside and are still in the input.
    """
    return run_script("analyze", _run)


def _run() -> int:
    file, given = _given(None)
    options, alerts = JobOptions.merge(file, given), _alerts(file, given)
    reports: list[Report] = []

    def alert(ending: Ending) -> Alert:
        return job_alert(ending, options.output, reports[0] if reports else None, alerts)

    return with_alert(lambda: translated(lambda: _analyze(options, reports)), alerts, alert, _say)


def _alerts(file: Path | None, given: dict[str, Any]) -> Alerts:
    """Return who is told how the run ends."""
    settings = None if file is None else read_alerts(file, given.get("output"))
    return alerts_of(settings, os.environ)


def _analyze(options: JobOptions, reports: list[Report]) -> int:
    """Run the job; add its report to `reports`."""
    with running_session("analyze") as spark:
        report = run(spark, options)
    reports.append(report)
    _say(f"{_render_outcome(report)}\n{report.to_text()}")
    if report.unread:
        _say(
            f"{len(report.unread):,} of {report.files:,} files were set aside, see above: correct them and "
            "add them to the input under other names, or remove them from it"
        )
        return SET_ASIDE
    return 0


def _say(line: str) -> None:
    print(f"analyze: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

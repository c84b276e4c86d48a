"""`nlpbatch demo`: the whole path on this machine, from a file through Spark, proxy and API into Parquet."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from nlpbatch.cli.local_spark import environment, spark_submit, submit
from nlpbatch.cli.stack import Stack, StackOptions, stop_on_signals
from nlpbatch.errors import ConfigError

_SAMPLE_ROWS = 8
_TEXT_WIDTH = 40


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "demo",
        help="see Korean text go through Spark, proxy and API into Parquet",
        description="Run the whole path on this machine: a file through Spark, proxy and API into Parquet.",
    )
    parser.add_argument("path", nargs="?", type=Path, help="Parquet, JSON Lines or CSV (default: documents of our own)")
    parser.add_argument("--text", metavar="COLUMN", help="column to analyse (default: text)", default="text")
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding of JSON Lines or CSV, such as cp949 (default: utf-8)",
        default="utf-8",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="directory to write (default: demo-output)"
    )
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="worker processes (default: one per core)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert, start, submit, show."""
    from nlpbatch.demo.source import DOCUMENTS, to_parquet  # noqa: PLC0415  (needs the spark extra)

    stop_on_signals()
    source = arguments.path or DOCUMENTS
    output = arguments.output.resolve()
    _check_output(output)
    with tempfile.TemporaryDirectory(prefix="nlpbatch-demo-") as directory:
        parquet = Path(directory) / "documents.parquet"
        rows = to_parquet(source, arguments.text, parquet, arguments.encoding)
        _report(
            f"1/3  {rows:,} documents from {source.name}; starting API and proxy (loading Kiwi takes a few seconds) …"
        )
        with Stack(StackOptions(workers=arguments.workers)) as stack:
            _report(f"2/3  proxy at {stack.service}; submitting jobs/analyze.py to Spark …")
            code = _submit(parquet, arguments.text, output, stack)
    if code:
        return code  # the job has printed its own message
    _report("3/3  a few rows of the output:")
    _show(output, arguments.text)
    return 0


def _check_output(output: Path) -> None:
    """Refuse to replace anything but the output of a job, finished or broken off."""
    if output.is_dir():
        names = {path.name for path in output.iterdir()}
        if "_nlpbatch" in names or names <= {"_temporary"}:
            return
    if output.exists():
        raise ConfigError(f"{output} exists and is not the output of a job: choose another path with --output")


def _submit(parquet: Path, text: str, output: Path, stack: Stack) -> int:
    """Run the job as a data engineer would, and return its exit code."""
    import jobs.analyze  # noqa: PLC0415

    options = ("--input", str(parquet), "--text", text, "--output", str(output), "--overwrite")
    command = spark_submit("*", Path(str(jobs.analyze.__file__)), *options, "--service", stack.service)
    return submit(command, environment(stack.api_key))


def _show(output: Path, text: str) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.dataset as ds  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(text, "tokens (form/tag)", "error", show_lines=True)
    rows = ds.dataset(output, format="parquet").head(_SAMPLE_ROWS)
    texts, tokens, errors = rows.column(text).cast(pa.binary()), rows.column("tokens"), rows.column("error")
    for row in zip(texts.to_pylist(), tokens.to_pylist(), errors.to_pylist(), strict=True):
        table.add_row(_shorten(row[0]), _tokens(row[1]), (row[2] or {}).get("code", ""))
    # Nothing in a text is markup of ours.
    Console(markup=False, emoji=False, highlight=False).print(table)
    print(f"\nThe output is in {output}")
    print(f"Read it with: spark.read.parquet({str(output)!r}) or pandas.read_parquet({str(output)!r})")


def _shorten(text: bytes | None) -> str:
    if text is None:
        return "(null)"
    # Parquet's strings need not be UTF-8.
    flat = " ".join(text.decode(errors="replace").split())
    return flat if len(flat) <= _TEXT_WIDTH else f"{flat[:_TEXT_WIDTH]}…"


def _tokens(tokens: list[dict[str, Any]] | None) -> str:
    return "(null)" if tokens is None else " ".join(f"{token['form']}/{token['tag']}" for token in tokens)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

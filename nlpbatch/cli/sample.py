"""`nlpbatch sample PATH -o FILE.parquet`: random rows of a data set, without reading it all."""

import argparse
import re
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from nlpbatch.cli.json_output import print_json
from nlpbatch.errors import ConfigError


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "sample",
        help="draw random rows of a data set, without reading it all",
        description="Draw random rows of Parquet, JSON Lines, CSV or text, on this machine, HDFS or an object store. "
        "Of large data, only some row groups, slices of them, or blocks of lines are read, and of Parquet only the "
        "columns that are wanted; Parquet of up to 64 MiB and lines of up to 16 MiB are read whole.",
    )
    parser.add_argument("source", metavar="PATH", help="file, directory or glob; hdfs:// and s3:// too")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.parquet", help="file to write")
    parser.add_argument("--rows", type=int, default=10_000, metavar="N", help="rows wanted (default: %(default)s)")
    parser.add_argument("--columns", metavar="A,B,…", help="columns wanted (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of chance (default: %(default)s)")
    parser.add_argument(
        "--read-share",
        type=float,
        default=0.04,
        metavar="R",
        help="part of the bytes to read of large data (default: %(default)s)",
    )
    parser.add_argument(
        "--read-bytes", type=int, metavar="N", help="bytes to read at most, however many there are (default: 1 GiB)"
    )
    parser.add_argument("--stratify", metavar="COLUMN", help="as many rows for each value of this column")
    parser.add_argument("--json", action="store_true", help="print how it was drawn for programs")
    add_format_arguments(parser)
    parser.set_defaults(run=run)


def add_format_arguments(parser: "argparse._ActionsContainer") -> None:
    """Add the options of reading files."""
    parser.add_argument(
        "--format", choices=("parquet", "json", "csv", "text"), help="of the files (default: as they are named)"
    )
    parser.add_argument("--separator", metavar="C", help=r"between values of CSV, such as \t (default: recognised)")
    parser.add_argument("--encoding", default="utf-8", metavar="NAME", help="such as cp949 (default: %(default)s)")
    parser.add_argument("--no-header", action="store_true", help="CSV has no line that names the columns")


def how_to_read(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_format_arguments` as a sample takes them."""
    separator = "\t" if arguments.separator == r"\t" else arguments.separator
    return {
        "format": arguments.format,
        "separator": separator,
        "header": not arguments.no_header,
        "encoding": arguments.encoding,
    }


def local_file(path: Path, *, source: str | None = None) -> Path:
    """Return the path of a file of this machine.

    Args:
        path: The file.
        source: The data that is read; an output file must not be in it.

    Raises:
        ConfigError: It is somewhere else, or would be written into the source.

    """
    if re.match(r"[a-z0-9]+:/", str(path)):
        raise ConfigError(f"{path} is not on this machine: give a file here; recipes keep theirs where [sink] says")
    if source is not None and not re.match(r"[a-z0-9]+:/", source):
        inside = (path.resolve(), *path.resolve().parents)
        # a file that is there is no pattern, whatever characters its name has
        is_matched = not Path(source).exists() and fnmatch(str(path.resolve()), str(Path(source).absolute()))
        if Path(source).resolve() in inside or is_matched:
            raise ConfigError(f"{path} would be written into the source {source!r}: choose another with -o")
    return path


def run(arguments: argparse.Namespace) -> int:
    """Draw, write, and say how it was drawn."""
    try:
        from nlpbatch.sampling import SampleOptions, sample, write_sample  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError(f"sampling needs {error.name}: install nlpbatch[explore]") from error
    columns = tuple(arguments.columns.split(",")) if arguments.columns else None
    given = {name: getattr(arguments, name) for name in ("rows", "seed", "read_share", "stratify")}
    given |= {} if arguments.read_bytes is None else {"read_bytes": arguments.read_bytes}
    options = SampleOptions(columns=columns, **given, **how_to_read(arguments))
    local_file(arguments.output, source=arguments.source)
    began_s = time.perf_counter()
    drawn = sample(arguments.source, options)
    try:
        write_sample(drawn, arguments.output)
    except OSError as error:
        raise ConfigError(f"{arguments.output} can't be written: {error.strerror}: choose another with -o") from error
    took_s = time.perf_counter() - began_s
    design = drawn.design
    if arguments.json:
        shown = ("rows", "rows_total", "units", "units_total", "read_bytes", "total_bytes", "read_share", "notes")
        print_json({name: getattr(design, name) for name in shown} | {"seconds": round(took_s, 3)})
        return 0
    total = "" if design.rows_total is None else f" of {design.rows_total:,}"
    print(
        f"{design.rows:,}{total} rows from {design.units:,} of {design.units_total:,} parts; read "
        f"{design.read_bytes:,} of {design.total_bytes:,} bytes ({design.read_share:.2%}) in {took_s:.1f} s",
        file=sys.stderr,
    )
    for note in design.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0

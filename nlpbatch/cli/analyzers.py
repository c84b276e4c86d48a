"""`nlpbatch analyzers list | diff`: the analyzers of a service, and the changes by another version."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nlpbatch.cli.json_output import print_json
from nlpbatch.cli.tables import print_table
from nlpbatch.cli.texts import add_service_arguments, connect
from nlpbatch.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from nlpbatch.engine.operations import TextPerform

_MAX_ROWS = 10_000
_SHOWN = 30


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    parser = commands.add_parser("analyzers", help="list a service's analyzers, compare two of a configuration")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the analyzers of a service")
    add_service_arguments(listing)
    listing.add_argument("--json", action="store_true", help="print what the service answers")
    listing.set_defaults(run=run_list)
    diff = actions.add_parser(
        "diff",
        help="show the changes of analyzer B against A, on a sample",
        description="Analyse a sample with two analyzers of a configuration, on this machine, and show what differs.",
    )
    diff.add_argument("before", metavar="A", help="analyzer in the configuration")
    diff.add_argument("after", metavar="B", help="another one, such as A with a new dictionary")
    diff.add_argument("--config", type=Path, required=True, metavar="FILE", help="server.toml with both")
    diff.add_argument("--input", type=Path, required=True, metavar="PATH", help="Parquet file or directory")
    diff.add_argument("--text", metavar="COLUMN", default="text", help="its string column (default: %(default)s)")
    diff.add_argument("--rows", type=int, default=_MAX_ROWS, metavar="N", help="number of rows (default: %(default)s)")
    diff.add_argument("--json", action="store_true", help="print all changes for programs")
    diff.set_defaults(run=run_diff)


def run_list(arguments: argparse.Namespace) -> int:
    """Print a row for each analyzer."""
    from rich.markup import escape  # noqa: PLC0415  (other subcommands do without)
    from rich.table import Table  # noqa: PLC0415

    with connect(arguments) as client:
        catalogue = client.analyzers()
    if arguments.json:
        print_json(catalogue.to_json())
        return 0
    table = Table("analyzer", "fingerprint", "engine", "model", box=None)
    for info in catalogue.analyzers:
        table.add_row(*map(escape, (info.name, info.fingerprint, info.engine, info.model)))
    print_table(table)
    return 0


def run_diff(arguments: argparse.Namespace) -> int:
    """Print the differences; return 0 with or without any."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from nlpbatch.engine.compare import compare  # noqa: PLC0415  (takes the server extra)

    texts = _sample(arguments)
    before, after = (_engine(arguments.config, name) for name in (arguments.before, arguments.after))
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("comparing", total=len(texts))
        found = compare(texts, before, after, lambda: progress.advance(task))
    if arguments.json:
        changes = [
            {"before": was, "after": is_, "count": count, "example": found.examples[was, is_]}
            for (was, is_), count in found.changes.most_common()
        ]
        totals = {"documents": found.documents, "changed": found.changed, "tokens": list(found.tokens)}
        print_json(totals | {"changes": changes})
        return 0
    part = found.changed / found.documents if found.documents else 0.0
    print(f"{found.changed:,} of {found.documents:,} texts change ({part:.2%})")
    print(f"tokens: {found.tokens[0]:,} with {arguments.before}, {found.tokens[1]:,} with {arguments.after}")
    for (was, is_), count in found.changes.most_common(_SHOWN):
        print(f"{count:8,}  {was}  ->  {is_}   … {found.examples[was, is_]} …")
    rest = len(found.changes) - _SHOWN
    if rest > 0:
        print(f"and {rest:,} changes more")
    return 0


def _engine(config: Path, name: str) -> "TextPerform":
    """Return an engine with an analyzer of the configuration.

    Raises:
        ConfigError: There is none of that name, or it can't be loaded.

    """
    from nlpbatch.engine.contents import Text  # noqa: PLC0415
    from nlpbatch.engine.loading import load as load_engine  # noqa: PLC0415
    from nlpbatch.server.config import ServerSettings  # noqa: PLC0415
    from nlpbatch.server.dictionaries import Dictionaries  # noqa: PLC0415
    from nlpbatch.serving.settings import load  # noqa: PLC0415
    from nlpbatch.wire.options import Options  # noqa: PLC0415

    settings = load(config, ServerSettings)
    if name not in settings.analyzers:
        raise ConfigError(f"{config} has no analyzer {name!r}: choose from {', '.join(settings.analyzers)}")
    engine = load_engine(Dictionaries(name, settings.analyzers[name], config.parent).spec())
    if not engine.info.fields:
        raise ConfigError(f"analyzer {name!r} has no tokens to compare: name analyzers with engine kiwi or mecab")
    perform = engine.performer(Options())
    return lambda text: perform(Text(text))


def _sample(arguments: argparse.Namespace) -> list[str]:
    """Return texts from the whole input, evenly spaced."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.dataset as ds  # noqa: PLC0415

    if arguments.rows < 1:
        raise ConfigError(f"--rows {arguments.rows}: give a number from 1")
    try:
        data = ds.dataset(arguments.input)
        if arguments.text not in data.schema.names:
            names = ", ".join(data.schema.names)
            raise InvalidRequest(f"{arguments.input} has no column {arguments.text!r}: choose from {names}")
        count = data.count_rows()
        step = max(1, math.ceil(count / arguments.rows))
        column = data.take(pa.array(range(0, count, step)), columns=[arguments.text]).column(0)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"--input {arguments.input} can't be read as Parquet: check the path") from error
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise InvalidRequest(f"column {arguments.text!r} is {column.type}: choose one of strings")
    return [text for text in column.to_pylist() if text]

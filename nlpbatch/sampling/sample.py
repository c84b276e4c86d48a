"""Draws a sample, and keeps it in a Parquet file that says how it was drawn."""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.sampling.blocks import read_blocks
from nlpbatch.sampling.design import UNIT, WEIGHT, Design, Pick, Unit, choose
from nlpbatch.sampling.layouts import Lines
from nlpbatch.sampling.lines import format_of, to_table
from nlpbatch.sampling.options import SampleOptions
from nlpbatch.sampling.parquet import Footers, read_column, read_footers, read_rows, together
from nlpbatch.sampling.places import Place, note_of_replaced
from nlpbatch.sampling.strata import stratify

_METADATA: Final = b"nlpbatch.sample"
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Take:
    """Rows to read of a part, what they were drawn with, and what each stands for; all alike if None."""

    unit: Unit
    rows: Sequence[int]
    cluster: int
    weights: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows, with `UNIT` (and `WEIGHT`) beside their own columns, and how they were drawn."""

    table: pa.Table
    design: Design


def sample(source: str, options: SampleOptions) -> Sample:
    """Draw rows of a file, directory or glob: Parquet, JSON Lines, CSV or text, on any file system of fsspec's or HDFS.

    Raises:
        ConfigError: There is nothing, it can't be read, or a column isn't there.

    """
    place = Place(source)
    chance = random.Random(options.seed)  # noqa: S311  (a sample, not a secret)
    draw = _of_parquet if format_of(place.files, options.format) == "parquet" else _of_lines
    return draw(place, options, chance)


def write_sample(drawn: Sample, target: Path) -> None:
    """Write a sample to a Parquet file."""
    # What the files' own writer said of their types isn't true of this one.
    table = _microseconds(drawn.table).replace_schema_metadata({_METADATA: json.dumps(asdict(drawn.design)).encode()})
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        pq.write_table(table, target, compression="zstd", coerce_timestamps="us", allow_truncated_timestamps=True)
    except pa.ArrowException as error:
        kinds = ", ".join(
            f"{column.name} ({column.type})" for column in table.schema if pa.types.is_nested(column.type)
        )
        raise ConfigError(f"the sample can't be written as Parquet: choose columns without {kinds}") from error


def _microseconds(table: pa.Table) -> pa.Table:
    """Return the table with times of nanoseconds cut down to microseconds, as Spark reads them.

    What writes Parquet would cut towards 1970.
    """
    for position, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            cut = pc.floor_temporal(table.column(position), unit="microsecond")
            table = table.set_column(position, column.name, cut.cast(pa.timestamp("us", column.type.tz)))
    return table


def read_sample(path: Path) -> Sample:
    """Return a sample that was written.

    Raises:
        ConfigError: The file isn't one.

    """
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path} can't be read as Parquet: {str(error)[:200]}: draw the sample again") from error
    written = (table.schema.metadata or {}).get(_METADATA)
    if written is None:
        raise ConfigError(f"{path} doesn't say how it was sampled: make it with `nlpbatch sample`, or look at --all")
    members = json.loads(written)
    return Sample(table, Design(**members | {"notes": tuple(members["notes"])}))


def _of_parquet(place: Place, options: SampleOptions, chance: random.Random) -> Sample:
    footers = read_footers(place, options.wanted, chance, also=(options.stratify,) if options.stratify else ())
    rows_total = sum(unit.rows for unit in footers.units)
    if not rows_total:
        raise ConfigError(f"{place.url!r} has no rows: nothing can be drawn")
    picks = choose(footers.units, options.most, options.budget_bytes(place.total_bytes), chance)
    notes: tuple[str, ...] = ()
    if options.stratify is None:
        takes = [Take(pick.unit, pick.rows, pick.cluster) for pick in picks]
    else:
        takes, notes = _strata(place, footers, picks, options, chance)
    table = _read(place, footers, takes)
    whole = len(footers.files) == len(place.files)
    notes += _notes(options, table.num_rows, rows_total, len(footers.units))
    notes += tuple(map(note_of_replaced, footers.replaced))
    if not whole:
        notes += (f"{len(footers.files):,} files of {len(place.files):,} were chosen at random",)
    design = _design(
        place,
        options,
        table,
        rows_total=rows_total if whole else None,
        units=len(picks),
        units_total=len(footers.units),
        files_looked_at=len(footers.files),
        notes=notes,
    )
    return Sample(table, design)


def _strata(
    place: Place, footers: Footers, picks: Sequence[Pick], options: SampleOptions, chance: random.Random
) -> tuple[list[Take], tuple[str, ...]]:
    """Return rows of the chosen parts, as many of each label as of any other; only labels are read for that."""
    name = str(options.stratify)
    read = [pa.table({name: read_column(place, footers, pick.unit, name)}) for pick in picks]
    labels = together(read, place).column(name)
    try:
        picked = stratify(labels, options.most, chance)
    except pa.ArrowNotImplementedError as error:
        raise ConfigError(
            f"stratify names column {name!r}, which holds {labels.type}: choose one of plain values"
        ) from error
    takes, first = [], 0
    for pick in picks:
        end = first + pick.unit.rows
        here = slice(*np.searchsorted(picked.rows, [first, end]).tolist())
        weights = (picked.weights[here] * pick.share).tolist()
        takes.append(Take(pick.unit, (picked.rows[here] - first).tolist(), pick.cluster, weights))
        first = end
    if not picked.labels_without:
        return takes, ()
    without = f"{picked.labels_without:,} of {picked.labels:,} values of {name!r} got no row"
    return takes, (f"{without}: want more rows, or stratify by a column with fewer values",)


def _read(place: Place, footers: Footers, takes: Sequence[Take]) -> pa.Table:
    def take(one: Take) -> pa.Table:
        table = read_rows(place, footers, one.unit, one.rows)
        table = table.append_column(UNIT, pa.array([one.cluster] * len(one.rows), pa.int32()))
        return table if one.weights is None else table.append_column(WEIGHT, pa.array(one.weights, pa.float64()))

    with ThreadPoolExecutor(_THREADS) as threads:
        return together(list(threads.map(take, (one for one in takes if one.rows))), place)


def _of_lines(place: Place, options: SampleOptions, chance: random.Random) -> Sample:
    kind = format_of(place.files, options.format)
    lines = Lines(kind, options.separator, options.header, known_encoding(options.encoding))
    if options.stratify is not None:
        raise ConfigError(f"{place.url!r}: only Parquet can be stratified: sample its dump, or leave stratify out")
    read = read_blocks(
        place, lines, rows=options.most, budget_bytes=options.budget_bytes(place.total_bytes), chance=chance
    )
    picked = read.rows.items()
    if not picked or not read.names:
        odd = f": none of {read.left_out.total():,} lines could be parsed as {kind}" if read.left_out else ""
        raise ConfigError(
            f"{place.url!r} has no rows{odd}: {'; '.join(read.notes()) or 'check the path and the format'}"
        )
    table = to_table([row for _, row in picked], options.wanted, read.names)
    table = table.append_column(UNIT, pa.array([number for number, _ in picked], pa.int32()))
    rows_total = read.rows.offered if read.is_all else None
    notes = _notes(options, len(picked), rows_total, read.blocks_total) if read.is_all else ()
    notes += read.notes()
    design = _design(
        place,
        options,
        table,
        rows_total=rows_total,
        units=read.blocks,
        units_total=read.blocks_total,
        files_looked_at=len(read.files),
        notes=notes,
    )
    return Sample(table, design)


def _notes(options: SampleOptions, rows: int, rows_total: int | None, units: int) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if rows_total is not None and options.rows is not None and options.rows > rows_total:
        notes += (f"{options.rows:,} rows were wanted, there are {rows_total:,}: all were taken",)
    if units == 1 and rows_total != rows:
        notes += ("there is one part only, which had to be read whole; how far means may be off can't be told",)
    return notes


def _design(place: Place, options: SampleOptions, table: pa.Table, **found: Any) -> Design:
    return Design(
        source=place.url,
        seed=options.seed,
        rows=table.num_rows,
        read_bytes=place.read_bytes,
        total_bytes=place.total_bytes,
        files=len(place.files),
        stratified_by=options.stratify,
        **found,
    )


def units_of(table: pa.Table) -> Any:
    """Return the parts of a sample's rows, int64[rows]."""
    return pc.cast(table.column(UNIT), pa.int64()).to_numpy()

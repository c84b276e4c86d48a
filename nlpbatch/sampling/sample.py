"""Draws a sample, and keeps it in a Parquet file with its design."""

import json
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.sampling.blocks import read_blocks
from nlpbatch.sampling.design import UNIT, WEIGHT, Design, PageSpan, Pick, Unit, choose, mean_bytes
from nlpbatch.sampling.estimates import Estimate, mean
from nlpbatch.sampling.layouts import Lines
from nlpbatch.sampling.lines import format_of, to_table
from nlpbatch.sampling.locations import Location, note_of_replaced
from nlpbatch.sampling.options import MIN_LINE_BYTES, SampleOptions, min_bytes
from nlpbatch.sampling.parquet import Footers, read_column, read_footers, read_rows, together
from nlpbatch.sampling.slices import choose_slices
from nlpbatch.sampling.strata import stratify
from nlpbatch.sampling.variance import Values

_METADATA: Final = b"nlpbatch.sample"
_THREADS: Final = 4
_FEW_PARTS: Final = 6
"""With fewer parts, margins are wide, or may hold a little less often than stated."""


@dataclass(frozen=True, slots=True)
class Take:
    """Rows to read of a part, with their cluster and weights; equal weights if None.

    The cluster is None if rows were drawn one by one.
    """

    unit: Unit
    rows: Sequence[int]
    cluster: int | None
    weights: Sequence[float] | None = None
    spans: Mapping[str, PageSpan] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows, with `UNIT` (and `WEIGHT`) beside their own columns, and how they were drawn."""

    table: pa.Table
    design: Design


def sample(source: str, options: SampleOptions) -> Sample:
    """Draw rows of a file, directory or glob: Parquet, JSON Lines, CSV or text, on any file system of fsspec's or HDFS.

    Raises:
        ConfigError: There are no files, they can't be read, or a column doesn't exist.

    """
    location = Location(source)
    chance = random.Random(options.seed)  # noqa: S311  (a sample, not a secret)
    draw = _of_parquet if format_of(location.files, options.format) == "parquet" else _of_lines
    return draw(location, options, chance)


def write_sample(drawn: Sample, target: Path) -> None:
    """Write a sample to a Parquet file."""
    # The type information of the original files' writer isn't valid for this file.
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

    The Parquet writer would cut towards 1970.
    """
    for position, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            cut = pc.floor_temporal(table.column(position), unit="microsecond")
            table = table.set_column(position, column.name, cut.cast(pa.timestamp("us", column.type.tz)))
    return table


def read_sample(path: Path) -> Sample:
    """Return a written sample.

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


def _of_parquet(location: Location, options: SampleOptions, chance: random.Random) -> Sample:
    footers = read_footers(location, options.wanted, chance, also=(options.stratify,) if options.stratify else ())
    rows_total = sum(unit.rows for unit in footers.units)
    if not rows_total:
        raise ConfigError(f"{location.url!r} has no rows: nothing can be drawn")
    wanted_bytes = sum(unit.size_bytes for unit in footers.units)
    floor_bytes = min_bytes(wanted_bytes, mean_bytes(footers.units))
    budget_bytes = options.budget_bytes(location.total_bytes, floor_bytes)
    choice = None
    if options.stratify is None and budget_bytes < wanted_bytes and 2 * options.max_rows <= rows_total:
        choice = choose_slices(location, footers, options.max_rows, budget_bytes, chance)
    choice = choice or choose(footers.units, options.max_rows, budget_bytes, chance)
    whole = len(footers.files) == len(location.files)
    picks = choice.picks
    if not whole and picks[0].cluster is None:  # rows of some files: the files were the draws
        picks = [replace(pick, cluster=pick.unit.file) for pick in picks]
    notes: tuple[str, ...] = ()
    if options.stratify is None:
        takes = [Take(pick.unit, pick.rows, pick.cluster, spans=pick.spans) for pick in picks]
    else:
        takes, notes = _strata(location, footers, picks, options, chance)
    table = _read(location, footers, takes)
    notes += _notes(options, rows_total, table)
    notes += tuple(map(note_of_replaced, footers.replaced))
    if not whole:
        notes += (f"{len(footers.files):,} files of {len(location.files):,} were chosen at random",)
    design = _design(
        location,
        options,
        table,
        rows_total=rows_total if whole else None,
        units=len(picks),
        units_total=choice.units_total,
        files_looked_at=len(footers.files),
        drawn_share=choice.drawn_share if whole and options.stratify is None else 0.0,
        notes=notes,
    )
    return Sample(table, design)


def _strata(
    location: Location, footers: Footers, picks: Sequence[Pick], options: SampleOptions, chance: random.Random
) -> tuple[list[Take], tuple[str, ...]]:
    """Return rows of the chosen parts, the same number of each label; only labels are read for that."""
    if picks[0].cluster is None:  # parts without a chosen row are as likely as others
        picks = [Pick(unit, (), None, 1.0) for unit in footers.units]
    name = str(options.stratify)
    read = [pa.table({name: read_column(location, footers, pick.unit, name)}) for pick in picks]
    labels = together(read, location).column(name)
    try:
        picked = stratify(labels, options.max_rows, chance)
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


def _read(location: Location, footers: Footers, takes: Sequence[Take]) -> pa.Table:
    def take(one: Take) -> pa.Table:
        table = read_rows(location, footers, one.unit, one.rows, one.spans)
        table = table.append_column(UNIT, pa.array([one.cluster] * len(one.rows), pa.int32()))
        return table if one.weights is None else table.append_column(WEIGHT, pa.array(one.weights, pa.float64()))

    with ThreadPoolExecutor(_THREADS) as threads:
        table = together(list(threads.map(take, (one for one in takes if one.rows))), location)
    position = table.schema.get_field_index(UNIT)
    return _one_by_one(table) if table.column(position).null_count else table


def _one_by_one(table: pa.Table) -> pa.Table:
    """Return the table with each row as its own unit."""
    return table.set_column(table.schema.get_field_index(UNIT), UNIT, pa.array(range(table.num_rows), pa.int32()))


def _of_lines(location: Location, options: SampleOptions, chance: random.Random) -> Sample:
    kind = format_of(location.files, options.format)
    lines = Lines(kind, options.separator, options.header, known_encoding(options.encoding))
    if options.stratify is not None:
        raise ConfigError(f"{location.url!r}: only Parquet can be stratified: sample its dump, or leave stratify out")
    budget_bytes = options.budget_bytes(location.total_bytes, min(location.total_bytes, MIN_LINE_BYTES))
    read = read_blocks(location, lines, rows=options.max_rows, budget_bytes=budget_bytes, chance=chance)
    picked = read.rows.items()
    if not picked or not read.names:
        odd = f": none of {read.left_out.total():,} lines could be parsed as {kind}" if read.left_out else ""
        raise ConfigError(
            f"{location.url!r} has no rows{odd}: {'; '.join(read.notes()) or 'check the path and the format'}"
        )
    table = to_table([row for _, row in picked], options.wanted, read.names)
    table = table.append_column(UNIT, pa.array([number for number, _ in picked], pa.int32()))
    table = _one_by_one(table) if read.is_all else table
    rows_total = read.rows.offered if read.is_all else None
    notes = _notes(options, rows_total, table) + read.notes()
    design = _design(
        location,
        options,
        table,
        rows_total=rows_total,
        units=read.blocks,
        units_total=read.blocks_total,
        files_looked_at=len(read.files),
        drawn_share=len(picked) / read.rows.offered if read.is_all else read.blocks / read.blocks_total,
        notes=notes,
    )
    return Sample(table, design)


def _notes(options: SampleOptions, rows_total: int | None, table: pa.Table) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if rows_total is not None and options.rows is not None and options.rows > rows_total:
        notes += (f"{options.rows:,} rows were wanted, there are {rows_total:,}: all were taken",)
    clusters = len(pc.unique(table.column(UNIT)))
    if clusters < min(_FEW_PARTS, table.num_rows) and table.num_rows != rows_total:
        notes += (
            f"rows come from only {clusters} parts, which say little about the others: raise read_share or read_bytes",
        )
    return notes


def _design(location: Location, options: SampleOptions, table: pa.Table, **found: Any) -> Design:
    return Design(
        source=location.url,
        seed=options.seed,
        rows=table.num_rows,
        read_bytes=location.read_bytes,
        total_bytes=location.total_bytes,
        files=len(location.files),
        stratified_by=options.stratify,
        **found,
    )


def estimate(
    values: Values, drawn: Sample, chosen: npt.NDArray[np.bool_] | None = None, *, is_share: bool = False
) -> Estimate:
    """Return the estimate of a mean by how the sample was drawn.

    Args:
        values: float[rows], a number for each row of the sample; NaN for none.
        drawn: The sample.
        chosen: bool[rows], the rows that the mean is of; all if None.
        is_share: Whether the values are 0 and 1, and the mean a share.

    """
    weights = drawn.table.column(WEIGHT).to_numpy() if WEIGHT in drawn.table.schema.names else None
    return mean(
        values,
        units_of(drawn.table),
        weights=weights,
        chosen=chosen,
        drawn_share=drawn.design.drawn_share,
        is_all=drawn.design.is_all,
        is_share=is_share,
    )


def units_of(table: pa.Table) -> Any:
    """Return the parts of a sample's rows, int64[rows]."""
    return pc.cast(table.column(UNIT), pa.int64()).to_numpy()

"""Draws a sample, and keeps it in a Parquet file that says how it was drawn."""

import json
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.design import Design, Unit, allot, choose
from nlpbatch.sampling.lines import Bad, Lines, blocks, format_of, read_blocks, to_table
from nlpbatch.sampling.options import SampleOptions
from nlpbatch.sampling.parquet import Footers, odd_columns, read_column, read_footers, read_rows
from nlpbatch.sampling.places import Place
from nlpbatch.sampling.strata import stratify

UNIT: Final = "_sample_unit"
"""Column with the part that a row was taken from: what errors are computed by."""
WEIGHT: Final = "_sample_weight"
"""Column of stratified samples: how many rows of the parts that were read a row stands for."""
_METADATA: Final = b"nlpbatch.sample"
_THREADS: Final = 4
_Pick = tuple[Unit, Sequence[int], Sequence[float] | None]
"""Rows of a part, and what each stands for."""


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
    metadata = {**(drawn.table.schema.metadata or {}), _METADATA: json.dumps(asdict(drawn.design)).encode()}
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(drawn.table.replace_schema_metadata(metadata), target, compression="zstd")


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
    footers = read_footers(place, options.wanted, chance)
    rows_total = sum(unit.rows for unit in footers.units)
    if not rows_total:
        raise ConfigError(f"{place.url!r} has no rows: nothing can be drawn")
    chosen = choose(footers.units, options.most, options.budget_bytes(place.total_bytes), chance)
    notes: tuple[str, ...] = ()
    if options.stratify is None:
        picks: list[_Pick] = [
            (unit, sorted(chance.sample(range(unit.rows), count)), None)
            for unit, count in zip(chosen, allot(options.most, [unit.rows for unit in chosen]), strict=True)
        ]
    else:
        picks, notes = _strata(place, footers, chosen, options, chance)
    table = _read(place, footers, picks)
    whole = len(footers.files) == len(place.files)
    notes += _notes(options, table.num_rows, rows_total, len(footers.units))
    if not whole:
        notes += (f"{len(footers.files):,} files of {len(place.files):,} were chosen at random",)
    design = _design(
        place,
        options,
        table,
        rows_total=rows_total if whole else None,
        units=len(chosen),
        units_total=len(footers.units),
        files_looked_at=len(footers.files),
        notes=notes,
    )
    return Sample(table, design)


def _strata(
    place: Place, footers: Footers, chosen: Sequence[Unit], options: SampleOptions, chance: random.Random
) -> tuple[list[_Pick], tuple[str, ...]]:
    """Return rows of the chosen parts, as many of each label as of any other; only labels are read for that."""
    labels = [read_column(place, footers, unit, str(options.stratify)) for unit in chosen]
    odd = next((label.type for label in labels if pa.types.is_nested(label.type)), None)
    if odd is not None:
        raise ConfigError(f"stratify names column {options.stratify!r}, which holds {odd}: choose one of plain values")
    kinds = {kind for label in labels if not pa.types.is_null(kind := label.type)} or {pa.null()}
    picked = stratify(pa.chunked_array([label.cast(next(iter(kinds))) for label in labels]), options.most, chance)
    ends = np.cumsum([unit.rows for unit in chosen]).tolist()
    picks: list[_Pick] = []
    for unit, end in zip(chosen, ends, strict=True):
        first = end - unit.rows
        here = slice(*np.searchsorted(picked.rows, [first, end]).tolist())
        picks.append((unit, (picked.rows[here] - first).tolist(), picked.weights[here].tolist()))
    if not picked.labels_without:
        return picks, ()
    without = f"{picked.labels_without:,} of {picked.labels:,} values of {options.stratify!r} got no row"
    return picks, (f"{without}: want more rows, or stratify by a column with fewer values",)


def _read(place: Place, footers: Footers, picks: Sequence[_Pick]) -> pa.Table:
    def take(numbered: tuple[int, _Pick]) -> pa.Table:
        number, (unit, rows, weights) = numbered
        table = read_rows(place, footers, unit, rows)
        table = table.append_column(UNIT, pa.array([number] * len(rows), pa.int32()))
        return table if weights is None else table.append_column(WEIGHT, pa.array(weights, pa.float64()))

    with ThreadPoolExecutor(_THREADS) as threads:
        tables = list(threads.map(take, enumerate(pick for pick in picks if pick[1])))
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        odd = next(iter(odd_columns(table.schema for table in tables)), "a column")
        raise ConfigError(f"{place.url!r}: {odd} is of several types in different files: leave it out") from error


def _of_lines(place: Place, options: SampleOptions, chance: random.Random) -> Sample:
    units, bad = blocks(place.files), Bad()
    lines = Lines(format_of(place.files, options.format), options.separator, options.header)
    if options.stratify is not None:
        raise ConfigError(f"{place.url!r}: only Parquet can be stratified: sample its dump, or leave stratify out")
    budget_bytes = options.budget_bytes(place.total_bytes)
    found = list(read_blocks(place, units, lines, rows=options.most, budget_bytes=budget_bytes, chance=chance, bad=bad))
    counts = allot(options.most, [len(rows) for _, rows in found])
    picked, numbers = [], []
    for number, ((_, rows), count) in enumerate(zip(found, counts, strict=True)):
        picked += chance.sample(rows, count)
        numbers += [number] * count
    if not picked:
        raise ConfigError(f"{place.url!r} has no rows: nothing can be drawn")
    table = to_table(picked, options.wanted).append_column(UNIT, pa.array(numbers, pa.int32()))
    all_read = len(found) == len(units)
    rows_total = sum(len(rows) for _, rows in found) if all_read else None
    notes = _notes(options, len(picked), rows_total, len(units)) if all_read else ()
    if bad.lines:
        notes += (f"{bad.lines:,} lines could not be parsed",)
    design = _design(
        place,
        options,
        table,
        rows_total=rows_total,
        units=len(found),
        units_total=len(units),
        files_looked_at=len({unit.file for unit, _ in found}),
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


def own_columns(table: pa.Table) -> Iterator[str]:
    """Yield the names of a sample's columns that are the data's own."""
    return (name for name in table.schema.names if name not in (UNIT, WEIGHT))

"""The texts that all contenders get, cut into files so that none is held to one task."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

FILES_PER_CORE = 4


@dataclass(frozen=True, slots=True)
class Texts:
    """The input: its directory and column, its documents, and the code points of all that differ from each other."""

    directory: Path
    column: str
    documents: int
    distinct_code_points: int


def prepare(source: Path, column: str, rows: int, parts: int, target: Path) -> Texts:
    """Write the first rows as files and return what they hold.

    Args:
        source: Parquet file or directory.
        column: Of texts; rows without one are left out, for no contender but the job survives a null.
        rows: How many; 0 takes all.
        parts: Files to write.
        target: Directory to make.

    """
    table = ds.dataset(source, format="parquet").to_table()
    table = table.slice(0, rows) if rows else table
    table = table.filter(table.column(column).is_valid())
    target.mkdir()
    step = -(-table.num_rows // parts)
    for part in range(parts):
        pq.write_table(table.slice(part * step, step), target / f"part-{part:05}.parquet")
    distinct: pa.Array = pc.unique(table.column(column))
    return Texts(target, column, table.num_rows, int(pc.sum(pc.utf8_length(distinct)).as_py()))

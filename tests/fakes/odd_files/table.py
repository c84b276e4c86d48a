"""The table of odd files: what a case is, and what cases share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[dict[str, Any]]
KOREAN = "아버지가 방에 들어가신다"
OTHER = "맛이 똠방각하처럼 좋아요"


@dataclass(frozen=True)
class OddFile:
    """One case.

    Args:
        write: Writes the files, and returns the rows that they hold, named as Spark names columns: values of CSV are
            strings, an empty one is null. Rows of files in `set_aside` are left out.
        text: The column of text.
        path: What is given as input, under the folder; the folder itself if empty.
        encoding: What is given as encoding.
        options: Further options of a job.
        refused: What the refusal says, as a pattern; None if the files are taken.
        set_aside: What is said of files that cannot be read, as a pattern, by name; the others are read.
        dead: Rows that become dead letters; they are not among those that `write` returns.

    """

    write: Callable[[Path], Rows]
    text: str = "text"
    path: str = ""
    encoding: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None
    set_aside: Mapping[str, str] = field(default_factory=dict)
    dead: int = 0


CASES: dict[str, OddFile] = {}


def case(name: str, **expected: Any) -> Callable[[Callable[[Path], Rows]], Callable[[Path], Rows]]:
    """Enter a function that writes files into the table."""

    def enter(write: Callable[[Path], Rows]) -> Callable[[Path], Rows]:
        assert name not in CASES, name
        CASES[name] = OddFile(write, **expected)
        return write

    return enter


def read_csv(path: Path, **options: Any) -> Rows:
    """Return what pandas reads in a CSV file, every value as a string."""
    df = pd.read_csv(path, dtype=str, **options)
    return df.astype(object).where(df.notna(), None).to_dict("records")


def rename(rows: Rows, **names: str) -> Rows:
    """Return rows whose columns have the names that Spark gives them; `Unnamed_0` stands for pandas' `Unnamed: 0`."""
    known = {key.replace("Unnamed_", "Unnamed: "): value for key, value in names.items()}
    return [{known.get(name, name): value for name, value in row.items()} for row in rows]


def several(folder: Path, names: tuple[str, ...]) -> Rows:
    """Write a Parquet file of two rows under each name."""
    rows = [{"id": number, "text": f"{KOREAN} {number}"} for number in range(2 * len(names))]
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows[2 * number : 2 * number + 2]), path)
    return rows

"""Every type that pandas, polars, DuckDB and Hive write: read as they mean it, or refused by the column's name."""

import datetime as dt
import decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fakes.odd_files.table import KOREAN, OTHER, case

_DAY = dt.date(2024, 5, 1)
_MOMENT = dt.datetime(2024, 5, 1, 12, 34, 56, 789_000)  # noqa: DTZ001  (as the files have it)
REFUSED = "column 'odd' (is|holds) {}.*cast it to another type, or leave it out"


@case("every type of pandas")
def _(folder):
    df = pd.DataFrame(
        {
            "text": pd.array([KOREAN, OTHER], dtype="string[pyarrow]"),
            "category": pd.Categorical(["a", None]),
            "nullable": pd.array([1, None], dtype="Int64"),
            "unsigned": pd.array([2**64 - 1, 1], dtype="UInt64"),
            "bytes": np.array([255, 1], dtype="uint8"),
            "flag": pd.array([True, None], dtype="boolean"),
            "utc": pd.to_datetime(["2024-05-01", "2024-05-02"]).tz_localize("UTC"),
            "seconds": np.array(["2024-05-01", "1969-12-31"], dtype="datetime64[s]"),
            "price": [decimal.Decimal("1.25"), None],
            "day": [_DAY, None],
            "list": [[1, 2], None],
            "struct": [{"a": 1}, {"a": 2}],
        },
        index=[7, 9],
    )
    df.to_parquet(folder / "a.parquet")
    return _utc(pq.read_table(folder / "a.parquet").to_pylist())


@case("every type of polars")
def _(folder):
    df = pl.DataFrame(
        {
            "text": pl.Series([KOREAN, OTHER], dtype=pl.Categorical),
            "enum": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
            "price": pl.Series([decimal.Decimal("1.25")] * 2, dtype=pl.Decimal(38, 5)),
            "unsigned": pl.Series([2**64 - 1, 1], dtype=pl.UInt64),
            "tiny": pl.Series([-1, 1], dtype=pl.Int8),
            "bytes": pl.Series([b"x", None], dtype=pl.Binary),
            "array": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
            "struct": pl.Series([{"a": 1}, {"a": None}]),
            "nothing": pl.Series([None, None], dtype=pl.Null),
            "milliseconds": pl.Series([_MOMENT] * 2, dtype=pl.Datetime("ms")),
            "nanoseconds": pl.Series([_MOMENT] * 2, dtype=pl.Datetime("ns")),
            "utc": pl.Series([_MOMENT] * 2, dtype=pl.Datetime("us", "UTC")),
        }
    )
    df.write_parquet(folder / "a.parquet")
    return _utc(df.to_dicts())


@case("every type of DuckDB")
def _(folder):
    columns = {
        "text": f"'{KOREAN}'",
        "enum": "'a'::ENUM('a', 'b')",
        "seconds": "'2024-05-01 01:02:03'::TIMESTAMP_S",
        "nanoseconds": "'2024-05-01 01:02:03.000004'::TIMESTAMP_NS",
        "zoned": "'2024-05-01 00:00:00+09'::TIMESTAMPTZ",
        "struct": "{'a': 1}",
        "array": "[1, 2]::INT[2]",
        "price": "1.25::DECIMAL(38, 2)",
        "unsigned": "18446744073709551615::UBIGINT",
        "huge": "1::HUGEINT",
        "bits": "'101'::BIT",
        "blob": "'x'::BLOB",
        "json": "'{}'::JSON",
    }
    query = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    path = folder / "a.parquet"
    duckdb.sql(f"COPY (SELECT {query}) TO '{path}' (FORMAT parquet)")
    return _utc(pq.read_table(path).to_pylist())


def _utc(rows):
    """Return rows whose zoned moments are those of UTC, without the zone."""

    def plain(value):
        if not isinstance(value, dt.datetime):
            return value
        return (value.astimezone(dt.UTC) if value.tzinfo else value).replace(tzinfo=None)

    return [{name: plain(value) for name, value in row.items()} for row in rows]


def _by_duckdb(expression: str, path: Path) -> None:
    duckdb.sql(f"COPY (SELECT '{KOREAN}' AS text, {expression} AS odd) TO '{path}' (FORMAT parquet)")


for _name, _expression, _said in (
    ("a UUID", "uuid()", "UUID"),
    ("a time", "'01:02:03'::TIME", "TIME"),
    ("a span of time", "INTERVAL 1 DAY", "INTERVAL"),
):

    @case(f"{_name} as DuckDB writes it", refused=REFUSED.format(_said))
    def _(folder, expression=_expression):
        _by_duckdb(expression, folder / "a.parquet")
        return []


@case("nanoseconds within a list", refused=REFUSED.format("TIMESTAMP.NANOS"))
def _(folder):
    values = pa.array([[_MOMENT]], pa.list_(pa.timestamp("ns")))
    pq.write_table(pa.table({"text": [KOREAN], "odd": values}), folder / "a.parquet")
    return []

"""Types and names of columns."""

import gzip
from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq

from tests.fakes.odd_files.table import KOREAN, OTHER, case


@case("nanoseconds as pandas writes them")
def _(folder):
    at = pd.to_datetime(["2024-05-01 12:34:56.123456789", "1969-12-31 23:59:59.999999999", None])
    df = pd.DataFrame({"text": [KOREAN, OTHER, None], "at": at, "utc": at.tz_localize("UTC"), "d": date(2024, 5, 1)})
    pq.write_table(pa.Table.from_pandas(df), folder / "a.parquet")
    moments = [datetime.fromisoformat(text) for text in ("2024-05-01 12:34:56.123456", "1969-12-31 23:59:59.999999")]
    return [
        {"text": text, "at": moment, "utc": moment, "d": date(2024, 5, 1)}
        for text, moment in zip((KOREAN, OTHER, None), (*moments, None), strict=True)
    ]


@case("a type that Spark lacks", refused="column 'half' is FLOAT16.*cast it")
def _(folder):
    pq.write_table(pa.table({"text": [KOREAN], "half": pa.array([np.float16(1.5)])}), folder / "a.parquet")
    return []


@case("names with dots, blanks and backticks", text="리뷰.본문 `1`")
def _(folder):
    df = pl.DataFrame({"a.b": [1, 2], "c d": ["x", "y"], "리뷰.본문 `1`": [KOREAN, OTHER]})
    df.write_parquet(folder / "a.parquet")
    return df.to_dicts()


@case("names that differ in case only", refused="'text' and 'Text'.*rename")
def _(folder):
    pq.write_table(pa.table({"text": [KOREAN], "Text": [OTHER]}), folder / "a.parquet")
    return []


for _name in ("run_batch", "Run_Batch", "_nlpbatch_outcome", "_corrupt_record", "_Corrupt_Record"):

    @case(f"a column called {_name}", refused=f"column '{_name}'.*rename")
    def _(folder, name=_name):
        pl.DataFrame({"text": [KOREAN], name: [1]}).write_parquet(folder / "a.parquet")
        return []


@case("columns called c0, c1 and value")
def _(folder):
    df = pl.DataFrame({"c0": [1], "c1": ["x"], "value": ["y"], "text": [KOREAN]})
    df.write_parquet(folder / "a.parquet")
    return df.to_dicts()


@case("ORC with nested values")
def _(folder):
    rows = [{"id": 1, "text": KOREAN, "more": {"a": [1, 2]}}, {"id": 2, "text": None, "more": None}]
    pyarrow.orc.write_table(pa.Table.from_pylist(rows), folder / "a[1].orc")
    pyarrow.orc.write_table(pa.Table.from_pylist(rows), folder / "b.orc")
    return rows * 2


@case("lines of text", text="value")
def _(folder):
    (folder / "a.txt").write_text("", encoding="utf-8")
    (folder / "b.txt.gz").write_bytes(gzip.compress(f"{KOREAN}\n\n{OTHER}\n".encode()))
    return [{"value": KOREAN}, {"value": ""}, {"value": OTHER}]

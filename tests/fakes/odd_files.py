"""Files that people have, each written with the tool that makes it, and what a reader has to make of them.

A case writes its files into an empty folder and returns the rows that the tool itself reads there. Jobs, samples and
recipes are held against the same table, so that two readers of one file agree.
"""

import bz2
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.orc
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


# Names of files and directories

NAMES = ("a[1]", "b*", "c{x,y}", "d\\e", "f?", "g%41", "h i", "한글", "l+m", "n#o", "p&q", "r'\"s", "v,w", "~x")


@case("names that patterns and addresses use")
def _(folder):
    return several(folder, tuple(f"{name}.parquet" for name in NAMES))


@case("one file with brackets in its name", path="a[1].parquet")
def _(folder):
    several(folder, ("b.parquet", "a1.parquet"))
    return several(folder, ("a[1].parquet",))


@case("a glob over files with odd names", path="a*.parquet")
def _(folder):
    several(folder, ("b.parquet",))
    return several(folder, ("a[1].parquet", "a[2].parquet"))


@case("CSV files with odd names")
def _(folder):
    (folder / "a[1].csv").write_text(f"id,text\n1,{KOREAN}\n", encoding="utf-8")
    (folder / "b{1}*.csv").write_text(f"id,text\n2,{OTHER}\n", encoding="utf-8")
    return read_csv(folder / "a[1].csv") + read_csv(folder / "b{1}*.csv")


@case("directories of uneven depth")
def _(folder):
    return several(folder, ("h.parquet", "a/f.parquet", "b/c/g.parquet"))


@case("partitions as Hive has them")
def _(folder):
    several(folder, ("날짜=2024-01-01/장르=드 라마/a[1].parquet", "날짜=2024-01-02/장르=영화/000000_0"))
    found = duckdb.read_parquet(f"{folder}/*/*/*", hive_partitioning=True).to_arrow_table().to_pylist()
    return [{**row, "장르": row["장르"].replace("%20", " ")} for row in found]


@case("files inside and outside of partitions", refused=r"g\.parquet.*no partition|partition.*g\.parquet")
def _(folder):
    return several(folder, ("g.parquet", "a=1/f.parquet"))


@case("a hidden file by its name", path="_a.parquet", refused="_a.parquet.*begins with _ or")
def _(folder):
    return several(folder, ("_a.parquet",))


@case("hidden files only", refused="begins? with _ or")
def _(folder):
    return several(folder, (".a.parquet", "_old/b.parquet"))


# CSV: headers, separators, quotes


@case("the index that pandas writes")
def _(folder):
    pd.DataFrame({"text": [KOREAN, OTHER], "n": [1, 2]}).to_csv(folder / "a.csv")
    return rename(read_csv(folder / "a.csv"), Unnamed_0="_c0")


@case("a name twice, and none")
def _(folder):
    (folder / "a.csv").write_text(f"text,n,N,\n{KOREAN},1,2,3\n", encoding="utf-8")
    return rename(read_csv(folder / "a.csv"), n="n1", N="N2", Unnamed_3="_c3")


@case("columns in another order, and one more")
def _(folder):
    pl.DataFrame({"id": [1], "text": [KOREAN]}).write_csv(folder / "a.csv")
    pl.DataFrame({"text": [OTHER], "id": [2], "date": ["2024"]}).write_csv(folder / "b.csv")
    return pl.concat(
        [pl.read_csv(folder / name, infer_schema=False) for name in ("a.csv", "b.csv")], how="diagonal"
    ).to_dicts()


@case("a spreadsheet's semicolons and byte order mark")
def _(folder):
    df = pd.DataFrame({"번호": [1, 2], "text": [f"{KOREAN}, 그리고", f'"{OTHER}"\r\n다음 줄']})
    df.to_csv(folder / "a.csv", sep=";", index=False, encoding="utf-8-sig")
    return read_csv(folder / "a.csv", sep=";", encoding="utf-8-sig")


@case("tabs in a .tsv")
def _(folder):
    pd.DataFrame({"id": [1], "text": [f"{KOREAN}, {OTHER}"]}).to_csv(folder / "a.tsv", sep="\t", index=False)
    return read_csv(folder / "a.tsv", sep="\t")


@case("bars that DuckDB writes, compressed")
def _(folder):
    values = f"(1, '{KOREAN}'), (2, 'a, \"b\" | c')"
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {values}) AS v(id, text)) TO '{folder}/a.csv.gz' (HEADER, SEP '|')")
    return read_csv(folder / "a.csv.gz", sep="|")


@case("lines that end with CR")
def _(folder):
    (folder / "a.csv").write_bytes(f"id,text\r1,{KOREAN}\r2,{OTHER}\r".encode())
    return read_csv(folder / "a.csv")


@case("records of several lines, backslashes and blanks")
def _(folder):
    df = pd.DataFrame({"id": ["1", "2", "3"], "text": ["두\n줄,\n세 줄", 'C:\\a\\ "인용" \\', f"  {KOREAN} "]})
    df.to_csv(folder / "a.csv", index=False)
    return df.to_dict("records")


@case("a record with too few values", dead=1)
def _(folder):
    (folder / "a.csv").write_text(f"id,text\n1,{KOREAN}\n2\n3,{OTHER}\n", encoding="utf-8")
    return [{"id": "1", "text": KOREAN}, {"id": "3", "text": OTHER}]


@case("a quote that is never closed", set_aside={"b.csv": "line 3 is never closed"})
def _(folder):
    (folder / "a.csv").write_text(f"id,text\n1,{KOREAN}\n", encoding="utf-8")
    lines = "".join(f"{number},{OTHER}\n" for number in range(30))
    (folder / "b.csv").write_text(f'id,text\n1,{KOREAN}\n2,"{KOREAN}\n{lines}', encoding="utf-8")
    return read_csv(folder / "a.csv")


@case("CSV as Spark writes it", options={"reader": {"escape": "\\"}})
def _(folder):
    # what `df.write.csv(path, header=True)` gives for these rows
    (folder / "part-00000.csv").write_text(f'id,text\n1,"say \\"네\\", {KOREAN}"\n2,{OTHER}\n', encoding="utf-8")
    return read_csv(folder / "part-00000.csv", escapechar="\\")


@case("CSV without a header", text="_c1", options={"reader": {"header": "false"}})
def _(folder):
    duckdb.sql(f"COPY (SELECT 1, '{KOREAN}') TO '{folder}/a.csv' (HEADER false)")
    (folder / "b.csv").write_text(f"2;{OTHER};x\n", encoding="utf-8")
    rows = read_csv(folder / "a.csv", header=None) + read_csv(folder / "b.csv", header=None, sep=";")
    return [{"_c2": None} | {f"_c{position}": value for position, value in row.items()} for row in rows]


@case("an empty file and one with a header only among others")
def _(folder):
    (folder / "a.csv").write_bytes(b"")
    pd.DataFrame({"id": [], "text": []}).to_csv(folder / "b.csv", index=False)
    pd.DataFrame({"id": [1], "text": [KOREAN]}).to_csv(folder / "c.csv", index=False)
    return read_csv(folder / "c.csv")


@case("CSV in partitions, with different headers")
def _(folder):
    for day, names in (("2024-05-01", ["id", "text"]), ("2024-05-02", ["text", "id", "more"])):
        (folder / f"day={day}").mkdir()
        row = dict(zip(names, (KOREAN, OTHER, "x"), strict=False))
        pd.DataFrame([row]).to_csv(folder / f"day={day}" / "a[1].csv", index=False)
    found = duckdb.read_csv(f"{folder}/*/*.csv", hive_partitioning=True, union_by_name=True, all_varchar=True)
    return [{**row, "day": date.fromisoformat(str(row["day"]))} for row in found.to_arrow_table().to_pylist()]


@case("a glob over directories with partitions", path="202[45]")
def _(folder):
    several(folder, ("2024/month=1/a.parquet", "2025/month=2/a.parquet"))
    found = duckdb.read_parquet(f"{folder}/*/*/*", hive_partitioning=True).to_arrow_table().to_pylist()
    several(folder, ("2026/month=3/a.parquet",))
    return found


# Characters


@case("CP949 with its encoding", encoding="cp949")
def _(folder):
    df = pd.DataFrame({"번호": ["1", "2"], "text": [KOREAN, OTHER]})
    df.to_csv(folder / "a.csv", index=False, encoding="cp949")
    return read_csv(folder / "a.csv", encoding="cp949")


@case("CP949 without its encoding", refused=r"a\.csv:?( it)? is not UTF-8: its bytes fit CP949; give --encoding cp949")
def _(folder):
    return CASES["CP949 with its encoding"].write(folder)


@case("UTF-16 as Excel saves Unicode text", path="a.csv", refused=r"bytes fit UTF-16; give --encoding utf-16")
def _(folder):
    (folder / "a.csv").write_bytes(f"id\ttext\r\n1\t{KOREAN}\r\n".encode("utf-16"))
    return []


@case("UTF-16 with its encoding", encoding="utf-16")
def _(folder):
    (folder / "a.csv").write_bytes(f"id\ttext\r\n1\t{KOREAN}\r\n2\t{OTHER}\r\n".encode("utf-16"))
    return read_csv(folder / "a.csv", sep="\t", encoding="utf-16")


@case("bytes that are not UTF-8 far behind the beginning", set_aside={"b.csv": "not UTF-8.*line 20,001"})
def _(folder):
    (folder / "a.csv").write_text(f"id,text\n1,{KOREAN}\n", encoding="utf-8")
    lines = "".join(f"{number},{OTHER}\n" for number in range(2, 20_001))
    (folder / "b.csv").write_bytes(f"id,text\n{lines}".encode() + f"0,{KOREAN}\n".encode("cp949"))
    return read_csv(folder / "a.csv")


@case("JSON Lines in CP949", encoding="cp949")
def _(folder):
    rows = [{"id": 1, "text": KOREAN}, {"id": 2, "text": OTHER}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "a.jsonl").write_bytes(lines.encode("cp949"))
    return rows


@case("lines of text in CP949", encoding="cp949", text="value")
def _(folder):
    (folder / "a.txt").write_bytes(f"{KOREAN}\n{OTHER}\n".encode("cp949"))
    return [{"value": KOREAN}, {"value": OTHER}]


# JSON


@case("a JSON array as pandas writes it")
def _(folder):
    df = pd.DataFrame({"id": [1, 2], "text": [KOREAN, OTHER]})
    df.to_json(folder / "a[1].json", orient="records", force_ascii=False, indent=2)
    return pd.read_json(folder / "a[1].json").to_dict("records")


@case("a JSON array in CP949", encoding="cp949")
def _(folder):
    rows = [{"id": 1, "text": KOREAN}, {"id": 2, "text": OTHER}]
    (folder / "a.json").write_bytes(json.dumps(rows, ensure_ascii=False, indent=1).encode("cp949"))
    return rows


@case("JSON arrays beside lines", refused=r"a\.json is one array, others")
def _(folder):
    (folder / "a.json").write_text(json.dumps([{"text": KOREAN}]), encoding="utf-8")
    (folder / "b.json").write_text(json.dumps({"text": KOREAN}), encoding="utf-8")
    return []


@case("names of JSON that differ in case only", refused="rename|another name")
def _(folder):
    (folder / "a.json").write_text(json.dumps({"text": KOREAN, "Text": OTHER}), encoding="utf-8")
    return []


@case("lines that are not JSON", refused="no line is a JSON object")
def _(folder):
    (folder / "a.json").write_text(f"{KOREAN}\n{OTHER}\n", encoding="utf-8")
    return []


@case("JSON objects over several lines", refused=r"a\.json.*several lines.*jq -c")
def _(folder):
    (folder / "a.json").write_text(json.dumps({"id": 1, "text": KOREAN}, indent=2), encoding="utf-8")
    return []


# Compressed and damaged files


@case("a damaged .csv.gz among good ones", set_aside={"b.csv.gz": "damaged|decompress", "c.csv.gz": "decompress"})
def _(folder):
    for number, name in enumerate("abc"):
        pd.DataFrame({"id": [number] * 900, "text": [f"{KOREAN} {n}" for n in range(900)]}).to_csv(
            folder / f"{name}.csv.gz", index=False
        )
    rows = read_csv(folder / "a.csv.gz")
    whole = (folder / "b.csv.gz").read_bytes()
    (folder / "b.csv.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "c.csv.gz").write_bytes(b"no gzip")
    return rows


@case("a Parquet file with a broken footer among good ones", set_aside={"b.parquet": "damaged"})
def _(folder):
    several(folder, ("b.parquet",))
    data = bytearray((folder / "b.parquet").read_bytes())
    size = int.from_bytes(data[-8:-4], "little")
    data[-8 - size : -8] = bytes(255 - byte for byte in data[-8 - size : -8])
    (folder / "b.parquet").write_bytes(data)
    return several(folder, ("a.parquet", "c.parquet"))


@case("everything damaged", refused="no file.*can be read")
def _(folder):
    (folder / "a.csv.gz").write_bytes(b"no gzip")
    (folder / "b.csv.gz").write_bytes(b"no gzip either")
    return []


@case("a compression that Spark lacks", refused=r"a\.csv\.xz.*xz.*gzip")
def _(folder):
    pd.DataFrame({"text": [KOREAN]}).to_csv(folder / "a.csv.xz", index=False)
    return []


@case("frames of LZ4", refused=r"a\.csv\.lz4.*LZ4.*gzip")
def _(folder):
    with pa.CompressedOutputStream(str(folder / "a.csv.lz4"), "lz4") as out:
        out.write(f"text\n{KOREAN}\n".encode())
    return []


@case("bzip2 and Zstandard")
def _(folder):
    (folder / "a.csv.bz2").write_bytes(bz2.compress(f"text\n{KOREAN}\n".encode()))
    with pa.CompressedOutputStream(str(folder / "b.csv.zst"), "zstd") as out:
        out.write(f"text\n{OTHER}\n".encode())
    return [{"text": KOREAN}, {"text": OTHER}]


@case("Parquet in Brotli", set_aside={"a.parquet": "brotli.*zstd"})
def _(folder):
    several(folder, ("a.parquet",))
    pq.write_table(pq.read_table(folder / "a.parquet"), folder / "a.parquet", compression="brotli")
    return several(folder, ("b.parquet",))


@case("a workbook", refused="Excel workbook")
def _(folder):
    (folder / "a.xlsx").write_bytes(b"PK\x03\x04")
    return []


# Types and names of columns


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

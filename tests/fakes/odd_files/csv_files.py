"""CSV: headers, separators, quotes, records that end early."""

from datetime import date

import duckdb
import pandas as pd
import polars as pl

from tests.fakes.odd_files.table import KOREAN, OTHER, case, read_csv, rename


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

"""Names of files and directories: patterns, partitions, hidden ones."""

import duckdb

from tests.fakes.odd_files.table import KOREAN, OTHER, case, read_csv, several

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


@case("a glob over directories with partitions", path="202[45]")
def _(folder):
    several(folder, ("2024/month=1/a.parquet", "2025/month=2/a.parquet"))
    found = duckdb.read_parquet(f"{folder}/*/*/*", hive_partitioning=True).to_arrow_table().to_pylist()
    several(folder, ("2026/month=3/a.parquet",))
    return found

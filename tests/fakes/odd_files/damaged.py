"""Compressed and damaged files."""

import bz2

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fakes.odd_files.table import KOREAN, OTHER, case, read_csv, several


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

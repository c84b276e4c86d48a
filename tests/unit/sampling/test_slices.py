"""Slices of row groups: the right rows of them, for fewer bytes, wherever pages can be found."""

from pathlib import Path

import fsspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.sampling import SampleOptions, sample, slices
from nlpbatch.sampling.design import UNIT

ROWS = 40_000
PAGE_BYTES = 16 * 1024
BUDGET_BYTES = 150_000
WRITERS = {
    "dictionaries": {},
    "page index": {"write_page_index": True},
    "second version of pages": {"data_page_version": "2.0", "compression": "zstd"},
    "no dictionaries": {"use_dictionary": False},
    "deltas": {
        "use_dictionary": False,
        "column_encoding": {"review": "DELTA_BYTE_ARRAY", "number": "DELTA_BINARY_PACKED"},
    },
    "no compression": {"compression": "none", "write_statistics": False},
}


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(slices, "_PAGE_BYTES", PAGE_BYTES)


def table():
    numbers = np.arange(ROWS)
    return pa.table(
        {
            "number": pa.array(numbers, mask=numbers % 7 == 0),
            "review": [f"영화 {number} 재밌다" if number % 5 else None for number in range(ROWS)],
            "kind": pa.array(["가", "나", "다"] * (ROWS // 3) + ["라"] * (ROWS % 3)).dictionary_encode(),
            "row": numbers,
        }
    )


def write(path, **options):
    given = {"row_group_size": ROWS, "data_page_size": PAGE_BYTES, "dictionary_pagesize_limit": PAGE_BYTES}
    pq.write_table(table(), path, **given | options)
    return str(path)


def check_rows(drawn):
    """Make sure that the values of a row belong together, and are those that were written."""
    whole = table().take(drawn.table["row"])
    for name in ("number", "review", "kind"):
        kind = drawn.table.schema.field(name).type
        assert drawn.table[name].combine_chunks().equals(whole[name].combine_chunks().cast(kind))


@pytest.mark.parametrize("writer", WRITERS)
def test_rows_of_slices_are_those_that_were_written_however_that_was_done(tmp_path, writer):
    path = write(tmp_path / "a.parquet", **WRITERS[writer])
    for seed in range(5):
        drawn = sample(path, SampleOptions(rows=200, seed=seed, read_bytes=Path(path).stat().st_size // 3))
        assert drawn.table.num_rows == len(set(drawn.table["row"].to_pylist())) == 200
        assert drawn.design.units > 2
        check_rows(drawn)


def test_rows_that_polars_wrote_are_those_that_were_written(tmp_path):
    pl.from_arrow(table()).write_parquet(tmp_path / "a.parquet", row_group_size=ROWS, data_page_size=PAGE_BYTES)
    options = SampleOptions(rows=200, columns=("row", "review", "kind", "number"), read_bytes=80_000)
    drawn = sample(str(tmp_path / "a.parquet"), options)
    assert drawn.design.units > 2
    check_rows(drawn)


def test_no_more_is_read_than_may_be_and_far_less_than_the_row_group(tmp_path):
    path = write(tmp_path / "a.parquet", use_dictionary=False)
    drawn = sample(path, SampleOptions(rows=200, read_bytes=BUDGET_BYTES))
    assert BUDGET_BYTES / 2 < drawn.design.read_bytes <= 1.2 * BUDGET_BYTES < drawn.design.total_bytes / 2
    assert len(set(drawn.table[UNIT].to_pylist())) == drawn.design.units


def test_every_row_is_as_likely_as_any_other_in_row_groups_of_several_sizes(tmp_path):
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, table().schema, data_page_size=PAGE_BYTES, use_dictionary=False) as writer:
        writer.write_table(table().slice(0, 30_000), row_group_size=30_000)
        writer.write_table(table().slice(30_000), row_group_size=5_000)
    drawn = [
        sample(str(path), SampleOptions(rows=100, columns=("row", "review"), seed=seed, read_bytes=BUDGET_BYTES))
        for seed in range(60)
    ]
    counts, _ = np.histogram([row for one in drawn for row in one.table["row"].to_pylist()], bins=8, range=(0, ROWS))
    assert all(one.design.units > 3 for one in drawn)
    assert counts.sum() == 6_000
    assert all(500 <= count <= 1_000 for count in counts)


@pytest.mark.parametrize("rows", [5, 3_000, 15_000])
def test_as_many_rows_are_taken_as_are_wanted_however_few_a_page_has(tmp_path, rows):
    path = write(tmp_path / "a.parquet", use_dictionary=False)
    drawn = sample(path, SampleOptions(rows=rows, read_bytes=BUDGET_BYTES))
    assert len(set(drawn.table["row"].to_pylist())) == rows
    assert drawn.design.units <= drawn.design.units_total
    check_rows(drawn)


def test_lists_and_structs_are_read_by_row_groups(tmp_path):
    odd = table().append_column("tags", pa.array([["가"], [], None, ["나", "다"]] * (ROWS // 4)))
    pq.write_table(odd, tmp_path / "a.parquet", row_group_size=4_000, data_page_size=PAGE_BYTES)
    drawn = sample(str(tmp_path / "a.parquet"), SampleOptions(rows=100, read_bytes=BUDGET_BYTES))
    assert drawn.table.num_rows == 100
    check_rows(drawn)


@pytest.mark.parametrize(("has_index", "most"), [(True, 0.4), (False, 1.1)], ids=["index", "no index"])
def test_from_afar_pages_are_found_by_their_index_alone(tmp_path, has_index, most):
    path = write(tmp_path / "a.parquet", write_page_index=has_index)
    memory = fsspec.filesystem("memory")
    memory.pipe("/slices/a.parquet", (tmp_path / "a.parquet").read_bytes())
    drawn = sample("memory://slices/a.parquet", SampleOptions(rows=200, read_bytes=BUDGET_BYTES))
    memory.rm("/slices", recursive=True)
    assert path
    assert drawn.design.read_share <= most
    check_rows(drawn)


def test_a_stratified_sample_reads_row_groups(tmp_path):
    drawn = sample(write(tmp_path / "a.parquet"), SampleOptions(rows=90, stratify="kind", read_bytes=BUDGET_BYTES))
    assert drawn.table.num_rows == 90
    check_rows(drawn)

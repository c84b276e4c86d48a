"""Samples of Parquet: how many rows are drawn, how much is read, and how they are spread."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.sampling import SampleOptions, estimate, locations, parquet, read_sample, sample, write_sample
from nlpbatch.sampling.design import UNIT, WEIGHT
from tests.fakes.sampled import rows


def test_a_part_is_read_and_rows_are_spread_over_what_was(data):
    drawn = sample(str(data), SampleOptions(rows=400, columns=("review",), seed=3, read_bytes=40_000))
    assert drawn.table.num_rows == drawn.design.rows == 400
    assert drawn.table.schema.names == ["review", UNIT]
    assert 0 < drawn.design.read_share < 0.3
    assert drawn.design.rows_total == 20_000
    assert drawn.design.files == 4
    assert len(set(drawn.table["review"].to_pylist())) == 400
    assert len(set(drawn.table[UNIT].to_pylist())) == drawn.design.units > 3


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(data):
    def ids(seed):
        return sample(str(data), SampleOptions(rows=100, seed=seed)).table["id"].to_pylist()

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


def test_a_sample_that_is_written_still_says_how_it_was_drawn(data, tmp_path):
    drawn = sample(str(data), SampleOptions(rows=100))
    write_sample(drawn, tmp_path / "new" / "sample.parquet")
    again = read_sample(tmp_path / "new" / "sample.parquet")
    assert again.design == drawn.design
    assert again.table.to_pylist() == drawn.table.to_pylist()


def test_more_rows_than_there_are_give_all_and_say_so(data):
    drawn = sample(str(data), SampleOptions(rows=30_000, read_share=1.0))
    assert drawn.table.num_rows == 20_000
    assert drawn.design.is_all
    assert "30,000 rows were wanted, there are 20,000: all were taken" in drawn.design.notes


def test_small_data_is_read_whole_and_its_rows_are_drawn_one_by_one_whatever_the_share(data):
    drawn = sample(str(data), SampleOptions(rows=400, read_share=0.001))
    assert drawn.design.drawn_share == 400 / 20_000
    assert len(set(drawn.table[UNIT].to_pylist())) == 400


def test_one_row_group_has_a_margin_if_its_rows_are_drawn_one_by_one(tmp_path):
    pq.write_table(rows(5_000), tmp_path / "one.parquet", row_group_size=5_000)
    drawn = sample(str(tmp_path / "one.parquet"), SampleOptions(rows=500))
    labels = np.array(drawn.table["label"].to_pylist(), float)
    found = estimate(labels, drawn, is_share=True)
    assert found.margin == pytest.approx(2.58 * np.sqrt(labels.var() / 500 * 0.9), rel=0.01)
    assert found.low < 0.1 < found.high
    assert drawn.design.notes == ()


def test_rows_of_some_of_very_many_files_are_drawn_with_their_files(data, monkeypatch):
    monkeypatch.setattr(parquet, "_MAX_FOOTERS", 3)
    drawn = sample(str(data), SampleOptions(rows=600))
    files = {int(row["id"][1:]) // 5_000: row[UNIT] for row in drawn.table.to_pylist()}
    assert len(files) == len(set(files.values())) == len(set(drawn.table[UNIT].to_pylist())) == 3
    assert drawn.design.drawn_share == 0
    assert any("3 files of 4 were chosen" in note for note in drawn.design.notes)


def test_a_note_warns_of_rows_of_few_parts(data):
    drawn = sample(str(data), SampleOptions(rows=100, read_bytes=20_000))
    assert any("parts, which say little about the others: raise read_share" in note for note in drawn.design.notes)


def test_a_stratified_sample_has_as_many_of_each_label_and_says_what_each_row_stands_for(data):
    drawn = sample(str(data), SampleOptions(rows=200, seed=1, read_share=0.5, stratify="label"))
    labels = drawn.table["label"].to_pylist()
    assert labels.count(True) == labels.count(False) == 100
    weights = drawn.table[WEIGHT].to_pylist()
    held = sum(weight for label, weight in zip(labels, weights, strict=True) if label)
    assert held / sum(weights) == pytest.approx(0.1, abs=0.01)


def test_a_large_row_group_is_read_a_buffer_at_a_time(tmp_path, monkeypatch):
    table = pa.table({"review": [f"{number} " * 500 for number in range(8_000)]})
    pq.write_table(table, tmp_path / "one.parquet", compression="none", use_dictionary=False)
    sizes, read = [], locations.CountedFile.read
    monkeypatch.setattr(locations.CountedFile, "read", lambda file, size=-1: sizes.append(size) or read(file, size))
    assert sample(str(tmp_path / "one.parquet"), SampleOptions(rows=10)).table.num_rows == 10
    assert max(sizes) <= 4 * 2**20 < sum(sizes) / 3


def test_no_more_is_read_than_the_bytes_that_may_be_however_large_the_data_set_is(data):
    total = sum(file.stat().st_size for file in data.glob("*.parquet"))
    one = sample(str(data), SampleOptions(rows=100, read_share=1.0, read_bytes=total // 40))
    assert one.design.units == 1
    assert one.design.read_share < 0.3  # the footers of these small files are a quarter of them


def test_rows_drawn_from_a_giant_row_group_are_rows_of_the_file(tmp_path):
    pq.write_table(rows(150_000), tmp_path / "one.parquet", row_group_size=150_000)
    drawn = sample(str(tmp_path / "one.parquet"), SampleOptions(rows=2_000, seed=5))
    found = [(int(row["id"][1:]), row["review"]) for row in drawn.table.to_pylist()]
    assert all(review == f"영화 {number} 재밌다" for number, review in found)
    assert max(number for number, _ in found) > 140_000
    assert len(set(found)) == 2_000


@pytest.mark.parametrize("glob", ["*", "**", "**/*.parquet", "{0,1,2,3}.parquet", "[0-3].parquet", ""])
def test_globs_take_each_file_once_and_none_that_is_hidden(data, glob):
    (data / ".0.parquet.crc").write_bytes(b"crc")
    assert sample(f"{data}/{glob}", SampleOptions(rows=None)).design.rows == 20_000


def test_a_stratified_sample_says_how_many_values_got_no_row(data):
    drawn = sample(str(data), SampleOptions(rows=5, stratify="id"))
    assert drawn.table.num_rows == 5
    assert any("values of 'id' got no row" in note for note in drawn.design.notes)

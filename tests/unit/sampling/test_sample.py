"""Samples of real files: what is read, what is taken, and what is refused."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling import SampleOptions, read_sample, sample, write_sample
from nlpbatch.sampling.sample import UNIT, WEIGHT


def rows(count, start=0):
    numbers = range(start, start + count)
    return pa.table(
        {
            "id": [f"r{number}" for number in numbers],
            "review": [f"영화 {number} 재밌다" for number in numbers],
            "label": [number % 10 == 0 for number in numbers],
        }
    )


@pytest.fixture
def data(tmp_path):
    """20,000 rows in four files of ten row groups."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(4):
        pq.write_table(rows(5_000, number * 5_000), folder / f"{number}.parquet", row_group_size=500)
    (folder / "_SUCCESS").touch()
    (folder / ".hidden.parquet").write_bytes(b"no")
    return folder


def test_a_part_is_read_and_rows_are_spread_over_what_was(data):
    drawn = sample(str(data), SampleOptions(rows=400, columns=("review",), seed=3, read_share=0.2))
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


def test_one_giant_row_group_is_read_whole_and_said_to_be(tmp_path):
    pq.write_table(rows(5_000), tmp_path / "one.parquet", row_group_size=5_000)
    drawn = sample(str(tmp_path / "one.parquet"), SampleOptions(rows=50))
    assert drawn.table.num_rows == 50
    assert any("one part only" in note for note in drawn.design.notes)


def test_a_stratified_sample_has_as_many_of_each_label_and_says_what_each_row_stands_for(data):
    drawn = sample(str(data), SampleOptions(rows=200, seed=1, read_share=0.5, stratify="label"))
    labels = drawn.table["label"].to_pylist()
    assert labels.count(True) == labels.count(False) == 100
    weights = drawn.table[WEIGHT].to_pylist()
    held = sum(weight for label, weight in zip(labels, weights, strict=True) if label)
    assert held / sum(weights) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("kind", ["json", "csv", "txt"])
def test_lines_are_taken_from_anywhere(tmp_path, kind):
    table = rows(20_000)
    lines = {
        "json": [json.dumps(row, ensure_ascii=False) for row in table.to_pylist()],
        "csv": ["id,review,label", *(f"{row['id']},{row['review']},{row['label']}" for row in table.to_pylist())],
        "txt": table["review"].to_pylist(),
    }[kind]
    (tmp_path / f"data.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    drawn = sample(str(tmp_path / f"data.{kind}"), SampleOptions(rows=200, seed=2, read_share=0.2))
    column = "value" if kind == "txt" else "review"
    found = drawn.table[column].to_pylist()
    assert len(set(found)) == 200
    assert set(found) <= set(table["review"].to_pylist())
    assert drawn.design.read_share < 0.9


def test_lines_that_cannot_be_parsed_are_counted_and_left_out(tmp_path):
    (tmp_path / "data.json").write_text('{"review": "가"}\n{"review": \n[1]\n{"review": "나"}\n', encoding="utf-8")
    drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=10))
    assert sorted(drawn.table["review"].to_pylist()) == ["가", "나"]
    assert "2 lines could not be parsed" in drawn.design.notes


def damaged(folder):
    (folder / "1.parquet").write_bytes(b"PAR1 something else PAR1")


def short(folder):
    (folder / "1.parquet").write_bytes(b"PAR1")


@pytest.mark.parametrize(
    ("harm", "options", "message"),
    [
        (damaged, {}, "1.parquet can't be read as Parquet"),
        (short, {}, "too short"),
        (None, {"columns": ("text",)}, "no column 'text': choose from id, review, label"),
        (None, {"stratify": "rating", "columns": ("review",)}, "no column 'rating'"),
    ],
)
def test_what_cannot_be_sampled_is_told_with_its_name(data, harm, options, message):
    if harm is not None:
        harm(data)
    with pytest.raises(ConfigError, match=message):
        sample(str(data), SampleOptions(**options))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"read_share": 0}, "read_share is 0"),
        ({"read_share": 1.5}, "read_share is 1.5"),
        ({"columns": ()}, "columns names none"),
    ],
)
def test_options_out_of_range_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        SampleOptions(**given)


def test_nothing_nowhere_no_rows_and_compressed_lines_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="check the path"):
        sample(str(tmp_path / "nowhere"), SampleOptions())
    pq.write_table(rows(0), tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match="has no rows"):
        sample(str(tmp_path / "none.parquet"), SampleOptions())
    (tmp_path / "data.json.gz").write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(ConfigError, match="compressed as a whole"):
        sample(str(tmp_path / "data.json.gz"), SampleOptions())


def test_a_file_that_is_no_sample_is_refused(data):
    with pytest.raises(ConfigError, match="make it with `nlpbatch sample`"):
        read_sample(data / "0.parquet")

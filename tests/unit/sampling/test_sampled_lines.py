"""Samples of lines: which blocks are read, how much of them, and with which margins."""

import json

import numpy as np
import pyarrow.compute as pc
import pytest

from nlpbatch.sampling import SampleOptions, estimate, sample
from tests.fakes.sampled import rows


@pytest.mark.parametrize("kind", ["json", "csv", "txt"])
def test_lines_are_taken_from_anywhere(tmp_path, kind):
    table = rows(20_000)
    lines = {
        "json": [json.dumps(row, ensure_ascii=False) for row in table.to_pylist()],
        "csv": ["id,review,label", *(f"{row['id']},{row['review']},{row['label']}" for row in table.to_pylist())],
        "txt": table["review"].to_pylist(),
    }[kind]
    (tmp_path / f"data.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    drawn = sample(str(tmp_path / f"data.{kind}"), SampleOptions(rows=200, seed=2, read_bytes=200_000))
    column = "value" if kind == "txt" else "review"
    found = drawn.table[column].to_pylist()
    assert len(set(found)) == 200
    assert set(found) <= set(table["review"].to_pylist())
    assert drawn.design.read_share < 0.9


@pytest.mark.parametrize(("read_bytes", "width_max"), [(2**30, 1.3), (2**20, 1.6)], ids=["row by row", "blocks"])
def test_samples_of_lines_have_margins(tmp_path, read_bytes, width_max):
    chance = np.random.default_rng(3)
    lengths = chance.integers(1, 150, 30_000) + np.repeat(chance.integers(0, 100, 100), 300)  # neighbours are alike
    (tmp_path / "data.txt").write_text("".join("x" * length + "\n" for length in lengths), encoding="utf-8")
    found = []
    for seed in range(30):
        drawn = sample(str(tmp_path / "data.txt"), SampleOptions(rows=500, seed=seed, read_bytes=read_bytes))
        found.append(estimate(pc.utf8_length(drawn.table["value"]).to_numpy().astype(float), drawn))
    assert sum(one.low <= lengths.mean() <= one.high for one in found) >= 28
    assert np.median([one.margin for one in found]) <= width_max * 2.58 * np.std([one.mean for one in found])


def test_small_files_of_lines_are_as_likely_as_large_ones(tmp_path):
    for number in range(40):
        lines = range(3_000 if number < 4 else 10)
        (tmp_path / f"{number}.txt").write_text("".join(f"{number} {line:020d}\n" for line in lines), encoding="utf-8")
    small = taken = 0
    for seed in range(150):
        options = SampleOptions(rows=60, seed=seed, read_bytes=90_000)
        found = [int(line.split()[0]) for line in sample(str(tmp_path), options).table["value"].to_pylist()]
        small += sum(number >= 4 for number in found)
        taken += len(found)
    assert taken == 150 * 60
    assert small / taken == pytest.approx(360 / 12_360, abs=0.02)


def test_a_small_file_is_read_once(tmp_path):
    (tmp_path / "data.csv").write_text("id,t\n1,좋다\n", encoding="utf-8")
    (tmp_path / "data.json").write_text('{"id": 1}\n', encoding="utf-8")
    for path in tmp_path.iterdir():
        design = sample(str(path), SampleOptions()).design
        assert design.read_bytes == design.total_bytes == path.stat().st_size


@pytest.mark.parametrize(("files", "rows"), [(1, 100_000), (40, 2_500)])
def test_no_more_of_lines_is_read_than_may_be(tmp_path, files, rows):
    lines = "".join(f"{number},재밌는 영화를 보았다 {number}\n" for number in range(rows))
    for number in range(files):
        (tmp_path / f"{number}.csv").write_text(f"id,t\n{lines}", encoding="utf-8")
    design = sample(str(tmp_path), SampleOptions(rows=100, read_bytes=1_000_000, read_share=1.0)).design
    assert 700_000 < design.read_bytes < 1_050_000 < design.total_bytes / 3


def test_a_long_line_is_not_read_for_each_block_in_it(tmp_path):
    lines = [json.dumps({"n": number, "t": "x" * 200}) for number in range(5_000)]
    lines[2_500] = json.dumps({"n": -1, "t": "x" * 3_000_000})
    (tmp_path / "data.json").write_text("\n".join(lines))
    for seed in range(5):
        drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=10, seed=seed, read_bytes=500_000))
        assert drawn.design.read_bytes < 500_000 + 1_200_000  # such a line is read on for a MiB and its last step
    whole = sample(str(tmp_path / "data.json"), SampleOptions(rows=None))
    assert whole.design.rows == 5_000
    assert whole.design.read_bytes == whole.design.total_bytes


def test_lines_that_are_too_long_are_counted_and_named(tmp_path):
    (tmp_path / "data.json").write_text('{"n": 1}\n{"n": "' + "x" * 3_000_000 + '"}\n' + '{"n": 2}\n' * 1_000)
    (tmp_path / "more.json").write_text('{"n": 3}\n' * 100_000)
    drawn = sample(str(tmp_path), SampleOptions(rows=110_000, read_bytes=600_000))
    assert drawn.design.rows == 101_001
    left_out = "1 lines of more than 1,048,576 bytes were left out; the first begins at byte 9 of"
    assert any(note.startswith(left_out) for note in drawn.design.notes)

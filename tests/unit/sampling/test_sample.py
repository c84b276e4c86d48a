"""Samples of real files: what is read, what is taken, and what is refused."""

import datetime as dt
import gzip
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling import SampleOptions, estimate, locations, parquet, read_sample, sample, write_sample
from nlpbatch.sampling.design import UNIT, WEIGHT


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
    assert any("parts only, which tell little of the others: raise read_share" in note for note in drawn.design.notes)


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


def test_a_large_row_group_is_read_a_buffer_at_a_time(tmp_path, monkeypatch):
    table = pa.table({"review": [f"{number} " * 500 for number in range(8_000)]})
    pq.write_table(table, tmp_path / "one.parquet", compression="none", use_dictionary=False)
    sizes, read = [], locations.CountedFile.read
    monkeypatch.setattr(locations.CountedFile, "read", lambda file, size=-1: sizes.append(size) or read(file, size))
    assert sample(str(tmp_path / "one.parquet"), SampleOptions(rows=10)).table.num_rows == 10
    assert max(sizes) <= 4 * 2**20 < sum(sizes) / 3


def test_lines_that_cannot_be_parsed_are_counted_and_left_out(tmp_path):
    (tmp_path / "data.json").write_text('{"review": "가"}\n{"review": \n[1]\n{"review": "나"}\n', encoding="utf-8")
    drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=10))
    assert sorted(drawn.table["review"].to_pylist()) == ["가", "나"]
    assert "2 lines could not be parsed" in drawn.design.notes


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


def test_directories_are_columns_as_spark_takes_them(tmp_path):
    for folder, year in (
        ("date=2018-05/no=1", 1),
        ("date=2018-06/no=2", 2),
        (f"date={'__HIVE_DEFAULT_PARTITION__'}", 3),
    ):
        (tmp_path / "data" / folder).mkdir(parents=True)
        pq.write_table(rows(100, 100 * year), tmp_path / "data" / folder / "part.parquet")
    table = sample(str(tmp_path / "data"), SampleOptions(rows=300, columns=("date", "no"))).table
    assert set(zip(table["date"].to_pylist(), table["no"].to_pylist(), strict=True)) == {
        ("2018-05", 1),
        ("2018-06", 2),
        (None, None),
    }
    drawn = sample(str(tmp_path / "data"), SampleOptions(rows=30, stratify="date", read_share=1.0))
    assert Counter(drawn.table["date"].to_pylist()) == {"2018-05": 10, "2018-06": 10, None: 10}
    assert drawn.table["review"].null_count == 0
    only = sample(str(tmp_path / "data" / "date=2018-05"), SampleOptions(rows=10, columns=("no",))).table
    assert only.schema.names == ["no", UNIT]


@pytest.mark.parametrize("glob", ["*", "**", "**/*.parquet", "{0,1,2,3}.parquet", "[0-3].parquet", ""])
def test_globs_take_each_file_once_and_none_that_is_hidden(data, glob):
    (data / ".0.parquet.crc").write_bytes(b"crc")
    assert sample(f"{data}/{glob}", SampleOptions(rows=None)).design.rows == 20_000


def test_a_column_that_some_files_lack_is_null_there(tmp_path):
    pq.write_table(rows(10).drop(["label"]), tmp_path / "0.parquet")
    pq.write_table(rows(10, 10), tmp_path / "1.parquet")
    table = sample(str(tmp_path), SampleOptions(rows=20, columns=("id", "label"))).table
    assert table["label"].null_count == 10
    drawn = sample(str(tmp_path), SampleOptions(rows=9, stratify="label", read_share=1.0))
    assert Counter(drawn.table["label"].to_pylist()) == {None: 4, True: 1, False: 4}


def test_numbers_of_several_widths_go_together_and_other_types_are_refused(tmp_path):
    pq.write_table(pa.table({"n": pa.array([1], pa.int32())}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"n": pa.array([2], pa.int64())}), tmp_path / "1.parquet")
    assert sorted(sample(str(tmp_path), SampleOptions()).table["n"].to_pylist()) == [1, 2]
    pq.write_table(pa.table({"n": ["비밀"]}), tmp_path / "2.parquet")
    with pytest.raises(ConfigError, match=r"column 'n' \(int32, int64, string\) is of several types") as caught:
        sample(str(tmp_path), SampleOptions())
    assert "비밀" not in caught.value.message


@pytest.mark.parametrize("kind", [pa.string_view(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_is_text_however_it_is_stored(tmp_path, kind):
    values = pa.array(["가", "나", None] * 10)
    stored = values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)
    pq.write_table(pa.table({"review": stored}), tmp_path / "a.parquet")
    drawn = sample(str(tmp_path / "a.parquet"), SampleOptions(rows=15, stratify="review", read_share=1.0))
    assert Counter(drawn.table["review"].to_pylist()) == {"가": 5, "나": 5, None: 5}


def test_a_stratified_sample_needs_plain_values(tmp_path):
    pq.write_table(pa.table({"review": [["가"]]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"holds list<element: string>: choose one of plain values"):
        sample(str(tmp_path / "a.parquet"), SampleOptions(stratify="review"))


def test_a_stratified_sample_says_how_many_values_got_no_row(data):
    drawn = sample(str(data), SampleOptions(rows=5, stratify="id"))
    assert drawn.table.num_rows == 5
    assert any("values of 'id' got no row" in note for note in drawn.design.notes)


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


@pytest.mark.parametrize(
    "line", ['{"review": "\\ud83d"}', "[" * 100_000, '{"review": ', "[1]"], ids=["half", "deep", "cut", "no object"]
)
def test_a_line_that_is_no_row_costs_itself_only(tmp_path, line):
    (tmp_path / "data.json").write_text('{"review": "가"}\n' + line + "\n", encoding="utf-8")
    drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=10))
    assert drawn.table["review"].to_pylist() == ["가"]
    assert "1 lines could not be parsed" in drawn.design.notes


def test_numbers_that_nobody_can_keep_are_refused(tmp_path):
    (tmp_path / "data.json").write_text('{"n": 123456789012345678901234567890}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="column 'n' has whole numbers of more than 64 bits"):
        sample(str(tmp_path / "data.json"), SampleOptions())


def test_records_may_go_over_several_lines(tmp_path):
    (tmp_path / "data.csv").write_text('id,t,r\n1,"안녕\n세상, 모두",5\n2,좋다,4\n3\n', encoding="utf-8")
    drawn = sample(str(tmp_path / "data.csv"), SampleOptions())
    assert drawn.table.drop([UNIT]).to_pylist() == [
        {"id": "1", "t": "안녕\n세상, 모두", "r": "5"},
        {"id": "2", "t": "좋다", "r": "4"},
    ]
    assert "1 lines could not be parsed" in drawn.design.notes


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


def test_a_json_array_is_read_whole(tmp_path):
    found = [{"n": number, "t": "가\n나"} for number in range(10_000)]
    (tmp_path / "data.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=None))
    assert drawn.table.drop([UNIT]).to_pylist() == found
    assert drawn.design.read_bytes == drawn.design.total_bytes
    (tmp_path / "more.json.gz").write_bytes(gzip.compress(json.dumps(found).encode()))
    drawn = sample(str(tmp_path / "more.json.gz"), SampleOptions(rows=None))
    assert drawn.table.drop([UNIT]).to_pylist() == found
    (tmp_path / "data.json").write_text('[{"n": 1},\n{"n": ]', encoding="utf-8")
    with pytest.raises(ConfigError, match="begins as a JSON array, but can't be parsed at line 2"):
        sample(str(tmp_path / "data.json"), SampleOptions())


def test_values_of_files_that_directories_replace_are_named(tmp_path):
    (tmp_path / "data" / "label=good").mkdir(parents=True)
    (tmp_path / "data" / "label=good" / "a.csv").write_text("label,t\nbad,가\n", encoding="utf-8")
    drawn = sample(str(tmp_path / "data"), SampleOptions())
    assert drawn.table["label"].to_pylist() == ["good"]
    assert any(
        note.startswith("column 'label' is in the files and in the names of directories") for note in drawn.design.notes
    )


def test_a_header_with_a_name_twice_after_all_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("n1,n,n\n1,2,3\n")
    with pytest.raises(ConfigError, match=r"a\.csv: its header names two columns 'n1': rename one"):
        sample(str(tmp_path), SampleOptions())


def test_what_is_not_of_the_encoding_is_left_out_and_never_replaced(tmp_path):
    lines = "".join(f"{number},재밌다\n" for number in range(10_000))
    (tmp_path / "a.csv").write_bytes(f"id,t\n{lines}".encode() + "-1,똠방각하\n".encode("cp949"))
    drawn = sample(str(tmp_path), SampleOptions(rows=None))
    assert set(drawn.table["t"].to_pylist()) == {"재밌다"}
    assert any(note.startswith("1 lines of bytes that are not UTF-8 were left out") for note in drawn.design.notes)


def test_times_of_nanoseconds_are_cut_as_spark_cuts_them(tmp_path):
    pq.write_table(pa.table({"at": pa.array([-1, 1_001], pa.timestamp("ns", "UTC"))}), tmp_path / "a.parquet")
    write_sample(sample(str(tmp_path / "a.parquet"), SampleOptions()), tmp_path / "s.parquet")
    found = pq.ParquetFile(tmp_path / "s.parquet").read()["at"]
    assert found.cast(pa.int64()).to_pylist() == [-1, 1]


def test_long_values_and_other_encodings_are_read(tmp_path):
    text = "안녕" * 100_000
    (tmp_path / "data.csv").write_bytes(f"id,t\n1,{text}\n".encode("cp949"))
    drawn = sample(str(tmp_path / "data.csv"), SampleOptions(encoding="cp949"))
    assert drawn.table["t"].to_pylist() == [text]


def test_nothing_but_a_mark_of_the_encoding_has_no_rows(tmp_path):
    (tmp_path / "data.csv").write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(ConfigError, match="has no rows"):
        sample(str(tmp_path / "data.csv"), SampleOptions())
    (tmp_path / "data.json").write_text("x\ny\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="none of 2 lines could be parsed as json"):
        sample(str(tmp_path / "data.json"), SampleOptions())


def test_times_as_spark_writes_them_can_be_read_by_spark_again(tmp_path):
    far = dt.datetime(9999, 12, 31)  # noqa: DTZ001  (a column without a time zone)
    metadata = {"org.apache.spark.sql.parquet.row.metadata": "something"}
    table = pa.table({"at": pa.array([far], pa.timestamp("us"))}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    drawn = sample(str(tmp_path / "a.parquet"), SampleOptions())
    assert drawn.table["at"].to_pylist() == [far]
    write_sample(drawn, tmp_path / "s.parquet")
    written = pq.ParquetFile(tmp_path / "s.parquet")
    assert str(written.schema.column(0).logical_type).find("microseconds") > 0
    assert b"org.apache.spark.sql.parquet.row.metadata" not in written.metadata.metadata


def test_what_parquet_cannot_hold_is_refused(tmp_path):
    (tmp_path / "data.json").write_text('{"m": {}}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="choose columns without m"):
        write_sample(sample(str(tmp_path / "data.json"), SampleOptions()), tmp_path / "s.parquet")


def test_files_of_several_formats_and_samples_of_samples_are_refused(data, tmp_path):
    (data / "README.txt").write_text("read me")
    with pytest.raises(ConfigError, match=r"files of several formats \(parquet, text\)"):
        sample(str(data), SampleOptions())
    write_sample(sample(str(data / "0.parquet"), SampleOptions(rows=10)), tmp_path / "s.parquet")
    with pytest.raises(ConfigError, match="is a sample already"):
        sample(str(tmp_path / "s.parquet"), SampleOptions())


def test_lines_end_where_lines_end_and_nowhere_else(tmp_path):
    texts = ["가\u2028나", "다\u0085라", "마\x0b바"]
    lines = [json.dumps({"review": text}, ensure_ascii=False) for text in texts]
    (tmp_path / "data.json").write_bytes(("\ufeff" + "\r\n".join(lines)).encode())
    drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=10))
    assert set(drawn.table["review"].to_pylist()) == set(texts)
    assert drawn.design.notes == ("10 rows were wanted, there are 3: all were taken",)


def test_a_column_of_several_types_is_refused_without_its_values(tmp_path):
    (tmp_path / "data.json").write_text('{"review": "비밀"}\n{"review": {"a": 1}}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"column 'review' has values of several types \(dict, str\)") as caught:
        sample(str(tmp_path / "data.json"), SampleOptions())
    assert "비밀" not in caught.value.message


@pytest.mark.parametrize(
    ("header", "names"), [(True, ["id", "document", "label"]), (False, ["_c0", "_c1", "_c2"])], ids=["header", "none"]
)
def test_tab_separated_values_are_read_with_the_given_separator(tmp_path, header, names):
    lines = ["id\tdocument\tlabel"] * header + [f"{number}\t재밌다, 정말\t1" for number in range(50)]
    (tmp_path / "ratings.txt").write_text("\n".join(lines), encoding="utf-8")
    options = SampleOptions(rows=50, format="csv", separator="\t", header=header)
    table = sample(str(tmp_path / "ratings.txt"), options).table
    assert table.schema.names == [*names, UNIT]
    assert table.num_rows == 50


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
        (None, {"stratify": "lable"}, "no column 'lable'"),
    ],
)
def test_a_source_that_cannot_be_sampled_is_named(data, harm, options, message):
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
        ({"read_bytes": 0}, "read_bytes is 0"),
        ({"format": "orc"}, "format is 'orc': choose from parquet, json, csv, text"),
        ({"separator": "||"}, "give one character"),
        ({"encoding": "klingon"}, "encoding 'klingon' is not known: choose from utf-8, cp949"),
    ],
)
def test_options_out_of_range_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        SampleOptions(**given)


def test_nothing_nowhere_no_rows_and_other_formats_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="check the path"):
        sample(str(tmp_path / "nowhere"), SampleOptions())
    pq.write_table(rows(0), tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match="has no rows"):
        sample(str(tmp_path / "none.parquet"), SampleOptions())
    (tmp_path / "data.json").write_bytes(b"{}\n")
    with pytest.raises(ConfigError, match="has no rows"):
        sample(str(tmp_path / "data.json"), SampleOptions())
    (tmp_path / "data.json.xz").write_bytes(b"{}\n")
    with pytest.raises(ConfigError, match="compressed with xz, which can't be read"):
        sample(str(tmp_path / "data.json.xz"), SampleOptions())
    (tmp_path / "data.orc").write_bytes(b"ORC")
    with pytest.raises(ConfigError, match="sample the Parquet of a dump"):
        sample(str(tmp_path / "data.orc"), SampleOptions())


def test_a_file_that_is_no_sample_is_refused(data):
    with pytest.raises(ConfigError, match="make it with `nlpbatch sample`"):
        read_sample(data / "0.parquet")

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.demo import source as source_module
from nlpbatch.demo.source import to_parquet
from nlpbatch.errors import ConfigError

ROWS = [{"id": 1, "review": "재미있어요"}, {"id": 2, "review": None}, {"id": 3, "review": "줄이\n바뀐다, 쉼표도"}]


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target.parquet"


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def read(path):
    return pq.read_table(path).to_pylist()


def refusal(source, text, target):
    with pytest.raises(ConfigError) as caught:
        to_parquet(source, text, target)
    return caught.value.message


def test_a_parquet_file_keeps_all_columns_and_nulls(tmp_path, target):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "in.parquet")
    assert to_parquet(tmp_path / "in.parquet", "review", target) == 3
    assert read(target) == ROWS


def test_a_directory_is_read_as_parquet_with_its_partitions_as_columns(tmp_path, target):
    directory = tmp_path / "reviews"
    for year, rows in ((2024, ROWS[:1]), (2025, ROWS[1:])):
        (directory / f"year={year}").mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), directory / f"year={year}" / "part-0.parquet")
    (directory / "_SUCCESS").touch()
    assert to_parquet(directory, "review", target) == 3
    assert [(row["id"], row["year"]) for row in read(target)] == [(1, 2024), (2, 2025), (3, 2025)]


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json", ".JSONL"])
def test_json_lines_keep_types_and_nulls(tmp_path, target, ending):
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    assert to_parquet(write(tmp_path / f"in{ending}", lines), "review", target) == 3
    assert read(target) == ROWS


def test_a_line_longer_than_a_mebibyte_is_read(tmp_path, target):
    long = "가" * 1_000_000
    source = write(tmp_path / "in.jsonl", json.dumps({"review": long}, ensure_ascii=False) + "\n")
    assert to_parquet(source, "review", target) == 1
    assert read(target) == [{"review": long}]


def test_a_text_that_is_null_at_first_may_come_later(tmp_path, target, monkeypatch):
    monkeypatch.setattr(source_module, "_BLOCK_BYTES", 100)
    lines = [{"id": 1, "review": None}] * 10 + [{"id": 2, "review": "이제 나온다"}]
    source = write(tmp_path / "in.jsonl", "\n".join(json.dumps(line) for line in lines))
    assert to_parquet(source, "review", target) == 11
    assert read(target) == lines


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t"), (".TSV", "\t")])
def test_tables_of_text_may_quote_line_breaks_and_delimiters(tmp_path, target, ending, delimiter):
    lines = [["id", "review"], ["1", "재미있어요"], ["2", '"줄이\n바뀐다, 쉼표\t탭"'], ["3", '"그는 ""네""라고"']]
    source = write(tmp_path / f"in{ending}", "\n".join(delimiter.join(line) for line in lines) + "\n")
    assert to_parquet(source, "review", target) == 3
    assert [row["review"] for row in read(target)] == ["재미있어요", "줄이\n바뀐다, 쉼표\t탭", '그는 "네"라고']


def test_csv_values_stay_text_however_they_look_at_first(tmp_path, target, monkeypatch):
    monkeypatch.setattr(source_module, "_BLOCK_ROWS", 7)
    lines = ["code,review", *["007,12"] * 20, "n/a,숫자가 아니다"]
    assert to_parquet(write(tmp_path / "in.csv", "\n".join(lines)), "review", target) == 21
    rows = read(target)
    assert rows[0] == {"code": "007", "review": "12"}
    assert rows[-1] == {"code": "n/a", "review": "숫자가 아니다"}


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path, target):
    assert to_parquet(write(tmp_path / "in.csv", "review\n글\n", encoding="utf-8-sig"), "review", target) == 1
    assert read(target) == [{"review": "글"}]


def test_nanoseconds_become_microseconds_which_spark_can_read(tmp_path, target):
    moment = dt.datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)
    table = pa.table({"review": ["글"], "seen": pa.array([moment], pa.timestamp("ns", "UTC"))})
    pq.write_table(table, tmp_path / "in.parquet")
    to_parquet(tmp_path / "in.parquet", "review", target)
    assert pq.read_schema(target).field("seen").type == pa.timestamp("us", "UTC")
    assert read(target)[0]["seen"] == moment


def test_a_column_of_nulls_gets_a_type_that_every_reader_knows(tmp_path, target):
    source = write(tmp_path / "in.jsonl", '{"review": null, "note": null}\n')
    to_parquet(source, "review", target)
    assert set(pq.read_schema(target).types) == {pa.string()}
    assert read(target) == [{"review": None, "note": None}]


def test_no_rows_are_an_empty_file_with_the_columns(tmp_path, target):
    pq.write_table(pa.table({"review": pa.array([], pa.string())}), tmp_path / "in.parquet")
    assert to_parquet(tmp_path / "in.parquet", "review", target) == 0
    assert pq.read_schema(target).names == ["review"]


def test_a_large_string_column_is_taken(tmp_path, target):
    pq.write_table(pa.table({"review": pa.array(["글"], pa.large_string())}), tmp_path / "in.parquet")
    assert to_parquet(tmp_path / "in.parquet", "review", target) == 1


def test_a_missing_column_is_answered_with_those_there_are(tmp_path, target):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "in.parquet")
    message = refusal(tmp_path / "in.parquet", "text", target)
    assert "has no column 'text': choose one with --text; there are id (int64), review (string)" in message
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "content", "type_"),
    [("in.jsonl", '{"id": 5}', "int64"), ("in.jsonl", '{"id": ["가"]}', "list<item: string>")],
)
def test_a_column_of_another_type_is_named_with_its_type(tmp_path, target, name, content, type_):
    message = refusal(write(tmp_path / name, content), "id", target)
    assert f"is {type_}, not string" in message


@pytest.mark.parametrize("name", ["in.xlsx", "in", "in.csv.gz"])
def test_an_unknown_ending_is_answered_with_the_known_ones(tmp_path, target, name):
    message = refusal(write(tmp_path / name, "x"), "review", target)
    assert "give one of .parquet, .jsonl, .ndjson, .json, .csv, .tsv" in message


def test_a_file_that_does_not_exist_is_named(tmp_path, target):
    assert "nowhere.csv doesn't exist" in refusal(tmp_path / "nowhere.csv", "review", target)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("in.parquet", "not parquet at all", "Parquet"),
        ("in.jsonl", '{"review": "글"}\n{"review": ', "JSON Lines"),
        ("in.json", '[{"review": "글"}]', "JSON Lines"),
        ("in.csv", "review\n글\n둘,셋\n", "CSV"),
        ("in.csv", "", "CSV"),
    ],
)
def test_a_broken_file_is_named_with_its_kind_in_one_line(tmp_path, target, name, content, kind):
    message = refusal(write(tmp_path / name, content), "review", target)
    assert f"{name} can't be read as {kind}: " in message
    assert "\n" not in message


def test_an_empty_directory_is_refused(tmp_path, target):
    (tmp_path / "nothing").mkdir()
    assert "nothing" in refusal(tmp_path / "nothing", "review", target)


@pytest.mark.parametrize(("name", "content"), [("in.csv", "review\n한국어\n"), ("in.jsonl", '{"review": "한국어"}\n')])
def test_a_file_in_another_encoding_is_refused_with_the_remedy(tmp_path, target, name, content):
    message = refusal(write(tmp_path / name, content, encoding="cp949"), "review", target)
    assert "save it as UTF-8" in message


def test_a_file_in_another_encoding_is_read_with_it(tmp_path, target):
    write(tmp_path / "in.csv", "번호;review\n1;똠방각하, 또\n2;\n", encoding="cp949")
    assert to_parquet(tmp_path / "in.csv", "review", target, "euc-kr") == 2
    assert read(target) == [{"번호": "1", "review": "똠방각하, 또"}, {"번호": "2", "review": None}]
    write(tmp_path / "in.jsonl", '{"review": "똠방각하"}\n', encoding="cp949")
    assert to_parquet(tmp_path / "in.jsonl", "review", target, "cp949") == 1
    assert read(target) == [{"review": "똠방각하"}]


def test_a_header_with_a_name_twice_and_without_one_is_named_as_spark_does(tmp_path, target):
    assert to_parquet(write(tmp_path / "in.csv", "t,t,,n\n글,둘,셋,1\n"), "t0", target) == 1
    assert read(target) == [{"t0": "글", "t1": "둘", "_c2": "셋", "n": "1"}]
    assert "there are t0 (string), t1 (string), _c2 (string), n (string)" in refusal(tmp_path / "in.csv", "t", target)


def test_a_quote_that_is_not_closed_is_named_by_its_line_and_never_by_its_text(tmp_path, target):
    message = refusal(write(tmp_path / "in.csv", 'id,review\n1,글\n2,"둘\n3,비밀\n'), "review", target)
    assert message.endswith("a quote in the record of line 3 is never closed: close it, or double it within quotes")
    message = refusal(write(tmp_path / "in.csv", "id,review\n1,비밀,둘\n"), "review", target)
    assert "record 1 has 3 values, the header has 2" in message
    assert "비밀" not in message


def test_bytes_of_another_encoding_far_behind_the_beginning_are_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(source_module, "_BLOCK_BYTES", 16)
    (tmp_path / "in.csv").write_bytes(b"id,review\n" + b"1,x\n" * 9 + "2,한국어\n".encode("cp949"))
    assert "some of its bytes are not UTF-8: save it as UTF-8" in refusal(tmp_path / "in.csv", "review", target)

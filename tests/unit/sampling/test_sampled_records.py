"""Records of sampled lines: what is one, what is left out, and in which encoding."""

import gzip
import json

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling import SampleOptions, sample
from nlpbatch.sampling.design import UNIT


def test_lines_that_cannot_be_parsed_are_counted_and_left_out(tmp_path):
    (tmp_path / "data.json").write_text('{"review": "가"}\n{"review": \n[1]\n{"review": "나"}\n', encoding="utf-8")
    drawn = sample(str(tmp_path / "data.json"), SampleOptions(rows=10))
    assert sorted(drawn.table["review"].to_pylist()) == ["가", "나"]
    assert "2 lines could not be parsed" in drawn.design.notes


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

"""Runs on a real Spark over inputs of all kinds: formats, columns, damaged files, and many of them."""

import gzip

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError, InvalidRequest
from nlpbatch.spark.job import run


def test_partition_directories_are_columns(spark, source, options, rows):
    source("날=2026-11-24/장르=드 라마/a.parquet", id=[1], text=["하나"])
    source("날=2026-11-25/장르=영화/a.parquet", id=[2], text=["둘"])
    run(spark, options())
    assert [(str(row["날"]), row["장르"]) for row in rows()] == [("2026-11-24", "드 라마"), ("2026-11-25", "영화")]


def test_arrays_of_strings_are_analysed_element_by_element(spark, source, options, rows):
    source("a.parquet", id=[1, 2, 3], text=[["하나", None, "둘 셋"], [], None])
    report = run(spark, options())
    first, second, third = (row["tokens"] for row in rows())
    assert [[token["form"] for token in tokens or ()] for tokens in first] == [["하나"], [], ["둘", "셋"]]
    assert first[1] is None
    assert (second, third) == ([], None)
    assert (report.tokens, report.nulls, report.text_bytes) == (3, 1, len("하나둘 셋".encode()))


FORMATS = {
    "a.orc": lambda path: pyarrow.orc.write_table(pa.table({"id": [1, 2], "text": ["하나", "둘"]}), path),
    "a.jsonl": lambda path: path.write_text('{"id": 1, "text": "하나"}\n{"id": 2, "text": "둘"}\n'),
    "a.json.gz": lambda path: path.write_bytes(
        gzip.compress('{"id": 1, "text": "하나"}\n{"id": 2, "text": "둘"}\n'.encode())
    ),
    "a.csv": lambda path: path.write_text('id,text\n1,"하나"\n2,"둘"\n'),
}


@pytest.mark.parametrize("name", FORMATS)
def test_other_formats_are_inferred_from_their_names(spark, source, options, rows, name):
    FORMATS[name](source.folder / name)
    assert run(spark, options()).rows == 2
    assert [(str(row["id"]), row["text"]) for row in rows()] == [("1", "하나"), ("2", "둘")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.c", "2", "파일", "a!"])
def test_a_single_file_is_read_whatever_its_name_ends_with(spark, source, options, rows, name):
    file = source.folder / name
    file.write_text('{"id": 1, "text": "하나"}\n')
    assert run(spark, options(input=str(file), format="json")).rows == 1
    assert [row["text"] for row in rows()] == ["하나"]


def test_lines_of_text_are_rows(spark, source, options, rows):
    (source.folder / "a.txt").write_text("하나\n\n둘\n")
    assert run(spark, options(text=("value",))).rows == 3
    assert {row["value"] for row in rows()} == {"하나", "", "둘"}


def test_a_csv_as_spreadsheets_write_it_and_with_options_of_its_own(spark, source, options, rows):
    (source.folder / "a.csv").write_text('id;text\n1;"두 줄\n""인용"""\n')
    run(spark, options(reader={"sep": ";"}))
    assert [row["text"] for row in rows()] == ['두 줄\n"인용"']


@pytest.mark.parametrize(
    ("name", "text", "bad"),
    [
        ("a.csv", "id,text\n1,하나\n2\n3,셋\n", "2"),
        ("a.jsonl", '{"id": "1", "text": "하나"}\n{"id": \n{"id": "3", "text": "셋"}\n', '{"id": '),
    ],
)
def test_a_line_that_cannot_be_parsed_is_a_dead_letter(spark, source, options, rows, dead, name, text, bad):
    (source.folder / name).write_text(text)
    report = run(spark, options())
    assert (report.rows, report.dead, report.errors) == (3, 1, {"malformed_record": 1})
    assert [row["id"] for row in rows()] == ["1", "3"]
    assert [letter["_corrupt_record"] for letter in dead()] == [bad]


def test_only_rows_that_meet_a_condition_are_taken_and_bad_lines_are_not_lost(spark, source, options, rows, dead):
    (source.folder / "a.jsonl").write_text('{"id": "1", "text": "하나"}\n{"id": \n{"id": "3", "text": "셋"}\n')
    report = run(spark, options(where="id > 1"))
    assert (report.rows, report.dead) == (2, 1)
    assert [row["id"] for row in rows()] == ["3"]
    assert [letter["_corrupt_record"] for letter in dead()] == ['{"id": ']
    with pytest.raises(ConfigError, match="where was id > 1, is null"):
        run(spark, options())
    with pytest.raises(ConfigError, match=r"where 'idd > 1' can't be used: .*UNRESOLVED_COLUMN"):
        run(spark, options(where="idd > 1", overwrite=True))


def damage(path, how):
    whole = bytearray(path.read_bytes())
    if how == "cut short":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "other bytes":
        path.write_bytes(b"garbage" * 100)
    else:  # its footer is whole: noticed only when the rows are read
        path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])


@pytest.mark.parametrize("how", ["cut short", "other bytes", "pages"])
def test_a_damaged_file_among_good_ones_is_set_aside_and_named(spark, source, options, rows, tmp_path, how):
    for number in range(3):
        texts = [f"글 {number}-{row}" for row in range(2_000)]
        source(f"{number}.parquet", id=list(range(number * 2_000, number * 2_000 + 2_000)), text=texts)
    path = source.folder / "1.parquet"
    damage(path, how)
    report = run(spark, options())
    assert report.set_aside == {f"file:{path}": "it is damaged, or not of this format"}
    assert report.rows == 4_000
    assert f"set aside  file:{path}" in report.to_text()
    assert {row["id"] for row in rows()} == {*range(2_000), *range(4_000, 6_000)}


def test_a_column_of_another_type_in_one_file_is_named_before_anything_is_sent(spark, source, options, tmp_path):
    source("a.parquet", id=[1], text=["하나"])
    source("b.parquet", id=[2], text=[2.5])
    with pytest.raises(ConfigError, match=r"column 'text' is .* in \S*\.parquet and .* in \S*\.parquet"):
        run(spark, options())
    assert not (tmp_path / "out").exists()


def test_files_with_more_columns_than_others_are_one_table(spark, source, options, rows):
    source("a.parquet", id=[1], text=["하나"])
    source("b.parquet", id=[2], text=["둘"], more=[7])
    run(spark, options())
    assert [row["more"] for row in rows()] == [None, 7]


def test_a_column_that_comes_later_is_not_dropped_silently(spark, source, options):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    source("b.parquet", id=[2], text=["둘"], more=[7])
    with pytest.raises(ConfigError, match=r"schema was .*, is .*more.*--reprocess"):
        run(spark, options())


@pytest.mark.parametrize(
    ("prepare", "change", "said"),
    [
        (lambda _: None, {}, "holds no files: check the path"),
        (lambda add: (add("a.parquet", text=["x"]), (add.folder / "b.csv").write_text("x")), {}, "several formats"),
        (lambda add: add("a.parquet", text=["x"], run_batch=[1]), {}, "has a column 'run_batch'"),
        (lambda add: add("a.parquet", text=["x"]), {"schema": "text strin"}, "schema 'text strin' can't be read"),
        (lambda add: add("a.parquet", text=["x"]), {"format": "orc"}, "can't be read as orc"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_before_anything_is_written(
    spark, source, options, tmp_path, prepare, change, said
):
    prepare(source)
    with pytest.raises(ConfigError, match=said):
        run(spark, options(**change))
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_no_text_is_refused(spark, source, options):
    source("a.parquet", id=[1], text=[2.5])
    with pytest.raises(InvalidRequest, match="column 'text' is double, not string"):
        run(spark, options())


def test_one_huge_row_and_a_thousand_tiny_files(spark, source, options, rows):
    source("huge.parquet", id=[-1], text=["가" * 7_000_000])
    for number in range(1_000):
        (source.folder / f"{number}.parquet").write_bytes(tiny(number))
    report = run(spark, options())
    assert (report.rows, report.dead, report.files) == (1_001, 1, 1_001)
    assert [row["id"] for row in rows()] == list(range(1_000))


def tiny(number):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": [number], "text": [f"글 {number}"]}), sink)
    return sink.getvalue().to_pybytes()

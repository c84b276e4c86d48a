"""The local storage of unit tests and the storage on Hadoop's file systems do the same."""

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.storage import Storage
from tests.fakes.local_storage import LocalStorage


@pytest.fixture(params=[Storage, LocalStorage], ids=["Hadoop", "fake"])
def make(request, spark, tmp_path):
    return lambda name="out": request.param(spark, str(tmp_path / name))


def test_a_directory_that_does_not_exist_is_empty(make):
    output = make()
    assert (output.exists(), output.names(), output.names("deep/er")) == (False, [], [])
    output.delete()
    output.delete("deep/er")


def test_texts_are_written_read_and_replaced(make, tmp_path):
    output = make()
    for text in ("하나", "둘\n"):
        output.write_text("_meta/a b.json", text)
        assert output.read_text("_meta/a b.json") == text
    assert output.exists("_meta/a b.json")
    assert [name for name in output.names("_meta") if not name.startswith(".")] == ["a b.json"]
    with pytest.raises(ConfigError, match="can't be used"):
        output.read_text("_meta/none.json")


def test_a_directory_is_moved_whole_and_never_onto_another(make):
    output = make()
    output.write_text("staged/x/file", "new")
    output.write_text("batch/file", "old")
    with pytest.raises(ConfigError, match="can't be used"):
        output.move("staged/x", "batch")
    assert output.read_text("batch/file") == "old"
    output.delete("batch")
    output.move("staged/x", "deep/batch")
    assert output.read_text("deep/batch/file") == "new"
    assert output.names("staged") == []


def test_files_are_renamed_and_never_onto_another(make):
    output = make()
    for number in range(20):
        output.write_text(f"a/{number}.txt", str(number))
    output.rename("a", {f"{number}.txt": f"{number}.parquet" for number in range(20)})
    assert {name for name in output.names("a") if not name.startswith(".")} == {f"{n}.parquet" for n in range(20)}
    assert output.read_text("a/7.parquet") == "7"
    with pytest.raises(ConfigError, match="can't be used"):
        output.rename("a", {"7.parquet": "8.parquet"})
    assert (output.read_text("a/7.parquet"), output.read_text("a/8.parquet")) == ("7", "8")
    output.rename("a", {})


def test_a_directory_overlaps_itself_and_those_in_it(make):
    assert make("out").overlaps(make("out"))
    assert make("out").overlaps(make("out/in"))
    assert make("out/in").overlaps(make("out"))
    assert not make("out").overlaps(make("output"))


def test_names_are_found_again_under_the_url(make, tmp_path):
    output = make()
    assert output.url.removeprefix("file:").lstrip("/") == str(tmp_path / "out").lstrip("/")
    assert output.within("a/b") == f"{output.url}/a/b"

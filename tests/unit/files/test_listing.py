import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.files.listing import find_files, format_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b.parquet", "a.parquet", "_meta.parquet", ".hidden", "deep/c.parquet", "deep/_x/d.parquet"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(folder, *inputs):
    return [file.path.removeprefix(f"{folder}/") for file in find_files([str(folder / one) for one in inputs])]


def test_a_directory_gives_all_files_below_it_in_order_but_hidden_ones(folder):
    assert names(folder, "") == ["a.parquet", "b.parquet", "deep/c.parquet"]


def test_a_glob_gives_what_it_matches_and_each_file_comes_once(folder):
    assert names(folder, "*.parquet", "a.parquet") == ["a.parquet", "b.parquet"]
    assert names(folder, "**/c*") == ["deep/c.parquet"]


def test_a_file_that_exists_is_no_glob_and_may_be_hidden(folder):
    (folder / "a[1].parquet").write_bytes(b"xy")
    (file,) = find_files([str(folder / "a[1].parquet")])
    assert file.size_bytes == 2
    assert names(folder, "_meta.parquet") == ["_meta.parquet"]


@pytest.mark.parametrize(
    ("given", "said"),
    [("*.csv", "holds no files: check the path"), ("hdfs://host/a", "not on this machine: submit the job")],
)
def test_inputs_without_files_are_refused(tmp_path, given, said):
    with pytest.raises(ConfigError, match=said):
        find_files([given if "://" in given else str(tmp_path / given)])


def test_partition_directories_are_left_to_the_job(tmp_path):
    (tmp_path / "date=2024-05-01").mkdir()
    (tmp_path / "date=2024-05-01" / "a.parquet").write_bytes(b"x")
    with pytest.raises(ConfigError, match="has partitions, such as date=2024-05-01, which only the job reads"):
        find_files([str(tmp_path)])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.parquet", "parquet"), ("a", "parquet"), ("a.tsv", "csv"), ("a.jsonl.gz", "json"), ("a.txt.zst", "text")],
)
def test_the_format_is_in_the_name(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"x")
    assert format_of(find_files([str(tmp_path / name)])) == kind
    assert format_of(find_files([str(tmp_path / name)]), "json") == "json"


def test_formats_that_are_mixed_or_unreadable_are_refused(tmp_path):
    for name in ("a.csv", "b.parquet", "c.csv.xz", "d.avro"):
        (tmp_path / name).write_bytes(b"x")
    for given, said in [("[ab].*", "files of several formats"), ("c*", "compressed with xz"), ("d*", "is Avro")]:
        with pytest.raises(ConfigError, match=said):
            format_of(find_files([str(tmp_path / given)]))

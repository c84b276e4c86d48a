"""Files in directories of tables are refused, whatever part of the table is given."""

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.formats.table_directories import refuse_tables


def refused(tmp_path, *files):
    def look_into(directory):
        def names(name):
            path = tmp_path / directory.strip("/") / name
            return [one.name for one in path.iterdir()] if path.is_dir() else []

        return names

    refuse_tables(files, look_into)


def write(tmp_path, *names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("t/_delta_log/00000000000000000000.json", "Delta"),
        ("t/_delta_log/00000000000000000010.checkpoint.parquet", "Delta"),
        ("t/metadata/v1.metadata.json", "Iceberg"),
        ("t/.hoodie/hoodie.properties", "Hudi"),
    ],
)
@pytest.mark.parametrize("file", ["/t/a.parquet", "/t/day=1/a.parquet", "/t/data/day=1/hour=2/a.parquet"])
def test_a_table_is_named_from_anywhere_within(tmp_path, mark, kind, file):
    write(tmp_path, mark)
    with pytest.raises(ConfigError, match=rf"^/t is a table of {kind}, .* \[source\] table in a recipe"):
        refused(tmp_path, "/other/b.parquet", file)


@pytest.mark.parametrize("name", ["t/_delta_log/readme.txt", "t/metadata/columns.json", "t/metadata"])
def test_directories_of_such_names_alone_are_no_tables(tmp_path, name):
    write(tmp_path, name)
    refused(tmp_path, "/t/a.parquet", "a.parquet")


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        ("file:/a/b.parquet", ["file:/a"]),
        ("hdfs://host:9000/a/b/c.parquet", ["hdfs://host:9000/a", "hdfs://host:9000/a/b"]),
        ("s3a://bucket/c.parquet", []),
        ("/c.parquet", []),
        ("bucket/a/c.parquet", ["bucket", "bucket/a"]),
    ],
)
def test_the_root_of_a_file_system_is_not_asked(file, asked):
    looked = []

    def look_into(directory):
        looked.append(directory)
        return lambda _: []

    refuse_tables([file], look_into)
    assert looked == asked


def test_it_looks_at_few_directories_however_many_there_are(tmp_path):
    looked = []

    def look_into(directory):
        looked.append(directory)
        return lambda _: []

    refuse_tables([f"/t/day={day}/{part}/a.parquet" for day in range(99) for part in range(9)], look_into)
    assert looked[:1] == ["/t"]
    assert len(looked) == 20

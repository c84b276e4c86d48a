"""What a job says of what it took its input for."""

import gzip

import polars as pl
import pytest

from nlpbatch.spark.runs.assumed import assumed
from nlpbatch.spark.runs.inputs import Input


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({"a.csv": b"id,text\n1,x\n"}, {}, "1 file read as CSV in UTF-8, separated by ',', with a header"),
        (
            {"a.csv": b"id;text\n1;x\n", "b.tsv": b"id\ttext\n2\ty\n"},
            {},
            "2 files read as CSV in UTF-8, separated by '\\t' and ';', with a header",
        ),
        (
            {"a.csv.gz": gzip.compress("1,하나\n".encode("cp949"))},
            {"encoding": "cp949", "reader": {"header": "false"}},
            "1 file read as CSV in CP949, separated by ',', without a header",
        ),
        ({"a.jsonl": b'{"text": "x"}\n'}, {}, "1 file read as JSON Lines in UTF-8"),
        ({"a.json": b'[{"text": "x"}]'}, {}, "1 file read as JSON arrays in UTF-8"),
        ({"day=1/a.txt": b"x\n"}, {}, "1 file read as text in UTF-8; the directories' names give day"),
        ({"000000_0": None}, {}, "1 file read as Parquet, for their names say nothing"),
    ],
)
def test_it_names_format_encoding_separators_and_partitions(spark, tmp_path, files, options, said):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if content is None:
            pl.DataFrame({"text": ["x"]}).write_parquet(path)
        else:
            path.write_bytes(content)
    options = {"reader": {}, "encoding": "utf-8"} | options
    source = Input.look(spark.newSession(), str(tmp_path), format_name=None, ddl=None, **options)
    assert assumed(source) == said

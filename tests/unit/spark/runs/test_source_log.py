import json

import pytest

from nlpbatch.errors import InternalError
from nlpbatch.spark.runs.source_log import parse, plain_path


def log(*entries, version="v1"):
    lines = [json.dumps({"path": path, "timestamp": 1, "batchId": batch}) for path, batch in entries]
    return "\n".join([version, *lines])


def test_a_compact_log_names_the_files_of_earlier_micro_batches_too():
    text = log(("hdfs://nn:8020/in/a.parquet", 8), ("hdfs://nn:8020/in/b.parquet", 9), ("hdfs://nn:8020/in/c", 9))
    assert parse(text, 9) == ["hdfs://nn:8020/in/b.parquet", "hdfs://nn:8020/in/c"]
    assert parse(text, 7) == []


def test_paths_are_written_as_hadoop_prints_them():
    assert parse(log(("file:///in/%EB%82%A0=1/a%20b.csv", 0)), 0) == ["file:/in/날=1/a b.csv"]
    assert plain_path("s3a://bucket/a%25b") == "s3a://bucket/a%b"


def test_a_log_of_another_version_is_refused():
    with pytest.raises(InternalError, match="version 'v2', known is 'v1'"):
        parse(log(version="v2"), 0)

"""A sample of an object store: s3fs against a server that speaks S3 over HTTP."""

import subprocess
import sys

import pytest

from tests.fakes.object_store import object_store

PUT = """
import sys
import pyarrow.parquet as pq
import s3fs
store = s3fs.S3FileSystem()
store.mkdir("bucket")
pq.write_table(pq.read_table(sys.argv[1]), "small.parquet", row_group_size=500)
store.put("small.parquet", "bucket/data/dt=20181101/part-0.parquet")
"""
FETCHED = """
import sys
from s3fs.core import S3File
from nlpbatch.sampling import SampleOptions, sample

fetched, fetch = [], S3File._fetch_range

def counted(self, start, end):
    data = fetch(self, start, end)
    fetched.append(len(data))
    return data

S3File._fetch_range = counted
drawn = sample(sys.argv[1], SampleOptions(rows=200, columns=("review", "dt")))
print(sum(fetched), drawn.design.read_bytes, drawn.design.rows, set(drawn.table["dt"].to_pylist()))
"""


@pytest.fixture(scope="module")
def store(reviews, tmp_path_factory):
    """Return the environment of those who ask a store with some reviews in it."""
    directory = tmp_path_factory.mktemp("s3")
    with object_store(directory) as environment:
        subprocess.run([sys.executable, "-c", PUT, reviews], cwd=directory, env=environment, check=True)
        yield environment


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_no_more_bytes_are_fetched_than_are_reported(store, scheme):
    done = run(store, "-c", FETCHED, f"{scheme}://bucket/data")
    assert done.returncode == 0, done.stderr
    fetched, reported, rows, dates = done.stdout.split()
    assert (fetched, rows, dates) == (reported, "200", "{20181101}")


@pytest.mark.parametrize(
    ("url", "message"), [("s3://bucket/other", "holds no files"), ("s3://nowhere/data", "isn't there: check the path")]
)
def test_a_missing_bucket_or_key_is_named(store, tmp_path, url, message):
    done = run(store, "-m", "nlpbatch", "sample", url, "-o", tmp_path / "s.parquet")
    assert done.returncode == 2
    assert message in done.stderr


def test_missing_credentials_are_named(store, tmp_path):
    without = {name: value for name, value in store.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}
    environment = without | nowhere | {"AWS_ENDPOINT_URL": store["AWS_ENDPOINT_URL"]}
    done = run(environment, "-m", "nlpbatch", "sample", "s3://bucket/data", "-o", tmp_path / "s.parquet")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "'s3://bucket/data' can't be read: NoCredentialsError: Unable to locate credentials: check" in done.stderr

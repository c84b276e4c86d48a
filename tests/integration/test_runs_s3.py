"""`nlpbatch runs` of an object store: s3fs against a server that speaks S3 over HTTP."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fakes.object_store import object_store
from tests.fakes.run_records import history, holder, job, kept, stage

PATIENCE_S = 60
PUT = """
import sys
import s3fs
store = s3fs.S3FileSystem()
store.mkdir("bucket")
store.put(sys.argv[1], "bucket/out", recursive=True)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return the environment of those who ask a store with some records in it."""
    directory = tmp_path_factory.mktemp("s3")
    out = directory / "out"
    job(out / "failed", "failed", reason="the key was taken back")
    holder(job(out / "nightly", None), "_nlpbatch", datetime.now(UTC))
    for day in (1, 2):
        path = out / f"date={day}"
        stage(path, "analyze", rows=100 * day)
        history(path, kept(day, {"analyze": (10.0 * day, {"rows": 100 * day})}))
        job(path / "analyzed", rows=(100 * day,))
        table = pa.table({"review": ["아버지가 방에"]})
        pq.write_table(table, path / "analyzed" / "run_batch=000000" / "part-0.parquet")
        (path / "profile").mkdir()
        (path / "profile" / "review.html").write_text("<h1>A report</h1>")
    with object_store(directory) as environment:
        subprocess.run([sys.executable, "-c", PUT, f"{out}/"], env=environment, check=True)
        yield environment


def runs(environment, *options):
    command = [sys.executable, "-m", "nlpbatch", "runs", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_the_records_of_a_store_are_those_of_a_directory(store, scheme):
    done = runs(store, f"{scheme}://bucket/out", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {run["path"]: run["state"] for run in found["runs"]} == {
        "failed": "failed",
        "nightly": "running",
        "date=1": "done",
        "date=2": "done",
    }
    assert [(one["path"], one["rows"], one["change"]["rows"]) for one in found["series"]["date=*"][:1]] == [
        ("date=2", 200, 1.0)
    ]


def test_a_check_names_what_failed(store):
    done = runs(store, "s3://bucket/out", "--check")
    assert (done.returncode, done.stdout) == (1, "failed: failed: the key was taken back\n")


def test_a_bucket_that_is_not_there_is_named(store):
    done = runs(store, "s3://nowhere/out")
    assert (done.returncode, "'s3://nowhere/out' is no directory" in done.stderr) == (2, True), done.stderr


def test_the_page_shows_rows_and_reports_and_notices_what_is_new(store):
    command = [sys.executable, "-m", "nlpbatch", "runs", "s3://bucket/out", "--serve", "--port", "0"]
    with subprocess.Popen(command, env=os.environ | dict(store), stderr=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{json.loads(process.stderr.readline())['port']}"

            def get(path):
                with urllib.request.urlopen(f"{url}/{path}", timeout=60) as answer:
                    return answer.read().decode()

            assert len(json.loads(get("runs.json"))["runs"]) == 4
            rows = json.loads(get("preview.json?path=date%3D1&stage=analyze"))
            assert rows["rows"] == [["아버지가 방에"]]
            assert get("report?path=date%3D1&name=review.html") == "<h1>A report</h1>"
            gone = "import s3fs; s3fs.S3FileSystem().rm('bucket/out/failed', recursive=True)"
            subprocess.run([sys.executable, "-c", gone], env=store, check=True)
            deadline_s = time.monotonic() + PATIENCE_S
            while "failed" in {run["path"] for run in json.loads(get("runs.json"))["runs"]}:
                assert time.monotonic() < deadline_s
                time.sleep(0.3)
        finally:
            process.terminate()

"""The job on YARN with input and output on HDFS, in both deploy modes; killed and resumed; with a DataNode lost."""

import contextlib
import json
import time
import urllib.request

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.wire.fields import KIWI_FIELDS
from tests.fakes.alert_receivers import webhook_server

PATIENCE_S = 240
PARTS = 6
BATCH_BYTES = 50_000
"""Less than two of the files: a run has several micro-batches."""


@pytest.fixture(scope="module")
def source(hadoop, some_reviews, tmp_path_factory):
    """Return the reviews in six files on HDFS."""
    folder = tmp_path_factory.mktemp("parts")
    table = pq.read_table(some_reviews)
    part = -(-table.num_rows // PARTS)
    for number in range(PARTS):
        pq.write_table(table.slice(number * part, part), folder / f"part-{number}.parquet")
    hadoop.shell("-mkdir", "-p", "/data")
    hadoop.shell("-put", str(folder), "/data/reviews")
    return f"{hadoop.url}/data/reviews"


@pytest.fixture
def fetch(hadoop, tmp_path):
    """Return what brings an output from HDFS and reads it."""

    def call(url):
        hadoop.shell("-get", url, str(tmp_path / "fetched"))
        summary = json.loads((tmp_path / "fetched" / "_nlpbatch" / "summary.json").read_text())
        return ds.dataset(tmp_path / "fetched", format="parquet", partitioning="hive").to_table(), summary

    return call


def check_whole(rows, summary, some_reviews):
    assert rows.num_rows == summary["rows"] == pq.read_metadata(some_reviews).num_rows
    assert sorted(rows["review_id"].to_pylist()) == sorted(pq.read_table(some_reviews)["review_id"].to_pylist())
    assert rows["tokens"].null_count == 0
    assert summary["complete"]


def finish(process):
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    return said


def wait_until(reached, process):
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline_s
        time.sleep(0.5)


def kill_applications(hadoop):
    for application in hadoop.applications():
        if application["state"] == "RUNNING":
            url = f"{hadoop.resource_manager}/ws/v1/cluster/apps/{application['id']}/state"
            asked = urllib.request.Request(
                url, b'{"state": "KILLED"}', {"Content-Type": "application/json"}, method="PUT"
            )
            urllib.request.urlopen(asked, timeout=10).close()


def test_client_mode(yarn, hadoop, stack, source, some_reviews, fetch):
    output = f"{hadoop.url}/out/client"
    options = ("--input", source, "--text", "review", "--output", output, "--service", stack.service)
    said = finish(yarn.submit("analyze.py", *options, NLPBATCH_API_KEY=stack.api_key))
    assert "analyze: done" in said
    rows, summary = fetch(output)
    check_whole(rows, summary, some_reviews)
    assert summary["work"]["analysed_bytes"] == summary["work"]["answered_bytes"]
    again = finish(yarn.submit("analyze.py", *options, NLPBATCH_API_KEY=stack.api_key))
    assert "nothing new, all was done before" in again


def test_cluster_mode_takes_its_key_and_its_alerts_from_a_file_that_travels_along(
    yarn, hadoop, stack, source, some_reviews, fetch, tmp_path
):
    output = f"{hadoop.url}/out/cluster"
    config = tmp_path / "job.toml"
    config.write_text(
        f'input = "{source}"\ntext = "review"\noutput = "{output}"\n'
        f'service = "{stack.service}"\napi_key = "{stack.api_key}"\n'
    )
    with webhook_server() as server, config.open("a") as file:
        file.write(f'[alerts]\non = ["done"]\nwebhook = "{server.url}"\n')
        file.flush()
        said = finish(yarn.submit("analyze.py", "--config", "job.toml", mode="cluster", files=(config,)))
    assert stack.api_key not in said
    (alert,) = server.alerts
    assert (alert["state"], alert["output"]) == ("done", output)
    assert alert["figures"]["rows"] == pq.read_metadata(some_reviews).num_rows
    rows, summary = fetch(output)
    check_whole(rows, summary, some_reviews)


def test_a_run_whose_application_is_killed_is_resumed(yarn, hadoop, stack, source, some_reviews, fetch):
    output = f"{hadoop.url}/out/killed"
    options = ("--input", source, "--text", "review", "--output", output, "--batch-bytes", BATCH_BYTES)
    given = {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}
    with yarn.submit("analyze.py", *options, **given) as first:
        wait_until(lambda: "run_batch=000001" in listing(hadoop, output), first)
        kill_applications(hadoop)
        first.communicate(timeout=PATIENCE_S)
    assert first.returncode != 0
    done = listing(hadoop, output)
    assert "_SUCCESS" not in done
    finish(yarn.submit("analyze.py", *options, **given))
    rows, summary = fetch(output)
    check_whole(rows, summary, some_reviews)
    assert summary["attempts"] == 2
    assert set(done) <= {f"run_batch={number:06d}" for number in range(summary["batches"])} | {"_nlpbatch"}


def test_a_datanode_that_is_lost_in_the_middle_stops_nothing(yarn, hadoop, stack, source, some_reviews, fetch):
    output = f"{hadoop.url}/out/datanode"
    options = ("--input", source, "--text", "review", "--output", output, "--batch-bytes", BATCH_BYTES)
    try:
        with yarn.submit("analyze.py", *options, "--service", stack.service, NLPBATCH_API_KEY=stack.api_key) as process:
            wait_until(lambda: "run_batch=000000" in listing(hadoop, output), process)
            hadoop.kill("datanode-2")
            finish(process)
        rows, summary = fetch(output)
        check_whole(rows, summary, some_reviews)
        assert summary["set_aside"] == {}
    finally:
        if "datanode-2" not in hadoop.pids:
            hadoop.launch("datanode-2")


def listing(hadoop, url):
    """Return the names in a directory on HDFS; none if it isn't there yet."""
    with contextlib.suppress(OSError, ValueError):
        return hadoop.names(url.removeprefix(hadoop.url))
    return []


def test_a_full_disk_is_reported_and_the_run_resumes_once_there_is_room(
    yarn, hadoop, stack, source, some_reviews, fetch
):
    hadoop.shell("-mkdir", "-p", "/small")
    hadoop.admin("-setSpaceQuota", "5m", "/small")
    output = f"{hadoop.url}/small/out"
    # All fields, for the rows are to need more than the quota.
    fields = ",".join(KIWI_FIELDS)
    asked = ("--text", "review", "--fields", fields, "--batch-bytes", BATCH_BYTES)
    options = ("--input", source, "--output", output, *asked)
    given = {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}
    with yarn.submit("analyze.py", *options, **given) as first:
        said, _ = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 1
    assert "DiskSpace quota of /small is exceeded" in said
    hadoop.admin("-clrSpaceQuota", "/small")
    finish(yarn.submit("analyze.py", *options, **given))
    rows, summary = fetch(output)
    check_whole(rows, summary, some_reviews)

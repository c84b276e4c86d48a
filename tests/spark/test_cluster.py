"""A standalone cluster of separate processes, whose executors' Python has pyspark and pyarrow and nothing else."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pyspark
import pytest

from nlpbatch.cli.bundle import write_bundle
from nlpbatch.wire.fields import KIWI_FIELDS
from tests.fakes.bare_python import python_with

ROOT = Path(__file__).parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
INHERITED = ("PATH", "HOME", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "LANG")
PATIENCE_S = 90
EXECUTORS = 2
PARTS = 8
ON_EXECUTORS = ("pyspark", "py4j", "pyarrow")
NOT_ON_EXECUTORS = ("kiwipiepy", "aiohttp", "numpy", "pandas", "pydantic", "prometheus_client", "rich", "nlpbatch")

PROBE = """
import importlib, json, sys
from pyspark.sql import SparkSession

names = sys.argv[1].split(",")

def can_import(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True

def probe(_):
    yield sys.prefix, {name: can_import(name) for name in names}

spark = SparkSession.builder.getOrCreate()
print(json.dumps(spark.sparkContext.parallelize(range(8), 8).mapPartitions(probe).collect()))
"""


def plain_environment():
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(SPARK_HOME)}


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    return python_with(tmp_path_factory.mktemp("executor"), ON_EXECUTORS)


class Cluster:
    """Master and workers as processes of their own; each logs into a file."""

    def __init__(self, directory):
        self._directory = directory
        self._processes: list[subprocess.Popen] = []
        self.master = ""

    def start(self):
        port, web_port = self._launch("master", "master.Master", "--port", "0"), self._web_port("master")
        self.master = f"spark://127.0.0.1:{port}"
        for number in range(EXECUTORS):
            size = ("--cores", "1", "--memory", "1g", "--work-dir", str(self._directory / f"work-{number}"))
            self._launch(f"worker-{number}", "worker.Worker", *size, self.master)
        self._wait_for(lambda: self._alive(web_port) == EXECUTORS)

    def stop(self):
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _launch(self, name, main_class, *arguments):
        """Start a daemon and return the port that it says it has."""
        command = [SPARK_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{main_class}"]
        with self._log(name).open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [*map(str, command), "--host", "127.0.0.1", "--webui-port", "0", *arguments],
                    env=plain_environment() | {"SPARK_NO_DAEMONIZE": "1"},
                    stdout=log,
                    stderr=log,
                )
            )
        kind = main_class.rpartition(".")[2]
        return self._said(name, rf"Successfully started service 'spark{kind}' on port (\d+)")

    def _web_port(self, name):
        return self._said(name, r"Successfully started service 'MasterUI' on port (\d+)")

    def _said(self, name, pattern):
        found = []
        self._wait_for(lambda: found.extend(re.findall(pattern, self._log(name).read_text())) or found)
        return int(found[0])

    def _alive(self, web_port):
        # Loopback, whatever proxy the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{web_port}/json/", timeout=10) as answer:
            workers = json.load(answer)["workers"]
        return sum(worker["state"] == "ALIVE" for worker in workers)

    def _wait_for(self, reached):
        deadline_s = time.monotonic() + PATIENCE_S
        while not reached():
            dead = [process.args for process in self._processes if process.poll() is not None]
            assert not dead, f"{dead} ended: {[log.read_text()[-2000:] for log in self._directory.glob('*.log')]}"
            assert time.monotonic() < deadline_s
            time.sleep(0.1)

    def _log(self, name):
        return self._directory / f"{name}.log"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def submit(cluster, bare_python):
    """Return what submits a script to the cluster: the driver has this Python, the executors the bare one."""

    def call(script, *options, conf=(), files=(), **variables):
        settings = {
            "spark.pyspark.driver.python": sys.executable,
            "spark.pyspark.python": str(bare_python),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executor.memory": "700m",
            "spark.ui.enabled": "false",
        } | dict(conf)
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", cluster.master]
        command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        command += [part for file in files for part in ("--py-files", str(file))]
        done = subprocess.run(
            [*command, str(script), *map(str, options)],
            env=plain_environment() | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    return call


@pytest.fixture(scope="module")
def finished(submit, stack, reviews, tmp_path_factory):
    """One run of the job over all reviews in several files, with every field; the output and Spark's event log."""
    folder = tmp_path_factory.mktemp("job")
    bundle, source, output, events = (folder / name for name in ("bundle.zip", "in", "out", "events"))
    write_bundle(bundle)
    source.mkdir()
    events.mkdir()
    table = pq.read_table(reviews)
    for part in range(PARTS):
        pq.write_table(table.take(list(range(part, table.num_rows, PARTS))), source / f"part-{part}.parquet")
    done = submit(
        ROOT / "jobs" / "analyze.py",
        *("--input", source, "--text", "review", "--output", output, "--service", stack.service),
        *("--fields", ",".join(KIWI_FIELDS)),
        files=[bundle],
        conf={
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": events.as_uri(),
            "spark.eventLog.compress": "false",
            "spark.sql.files.maxPartitionBytes": "256k",  # a partition per file, not one of several
        }.items(),
        NLPBATCH_API_KEY=stack.api_key,
    )
    return done, output, events


def test_the_executors_have_nothing_but_pyspark_and_pyarrow(submit, bare_python, tmp_path):
    script = tmp_path / "probe.py"
    script.write_text(PROBE)
    answers = json.loads(submit(script, ",".join(ON_EXECUTORS + NOT_ON_EXECUTORS)).stdout)
    expected = dict.fromkeys(ON_EXECUTORS, True) | dict.fromkeys(NOT_ON_EXECUTORS, False)
    assert answers == [[str(bare_python.parents[1]), expected]] * 8


def test_every_row_comes_out_once_with_all_its_columns(finished, reviews):
    _, output, _ = finished
    given, rows = pq.read_table(reviews), ds.dataset(output, format="parquet").to_table()
    assert rows.schema.names == [*given.schema.names, "tokens", "error"]
    kept = rows.select(given.schema.names).sort_by("review_id")
    assert kept.cast(given.schema).equals(given.sort_by("review_id"))
    assert rows["error"].null_count == 20_072


def test_every_field_of_a_sample_is_what_kiwi_gives(finished, kiwi_tokens):
    _, output, _ = finished
    rows = ds.dataset(output, format="parquet").to_table(columns=["review", "tokens"])
    sample = rows.take(list(range(3, rows.num_rows, 40))).to_pylist()
    assert len(sample) > 500
    different = [row["review"] for row in sample if row["tokens"] != kiwi_tokens(row["review"])]
    assert different == []


def test_both_executors_analysed_rows(finished):
    """Return from Spark's event log which executor ended each task that wrote rows."""
    _, _, events = finished
    lines = [line for file in events.rglob("events_*") for line in file.read_text().splitlines()]
    ended = [event for event in map(json.loads, lines) if event["Event"] == "SparkListenerTaskEnd"]
    wrote = Counter(
        task["Task Info"]["Executor ID"]
        for task in ended
        if task.get("Task Metrics", {}).get("Output Metrics", {}).get("Records Written", 0)
    )
    assert set(wrote) == {"0", "1"}
    assert sum(wrote.values()) >= PARTS


def test_the_summary_adds_up_over_executors(finished):
    done, output, _ = finished
    summary = json.loads((output / "_nlpbatch" / "summary.json").read_text())
    assert summary["rows"] == 20_072
    assert summary["client"]["requests"] >= PARTS
    assert summary["client"]["sent_bytes"] > summary["text_bytes"]
    assert summary["work"]["analysed"] == summary["work"]["answered"] == summary["client"]["requests"]
    assert "analyze: done" in done.stdout


def test_the_key_is_in_no_log_of_the_cluster_and_no_event(finished, cluster, stack):
    done, _, events = finished
    files = [path for folder in (cluster._directory, events) for path in folder.rglob("*") if path.is_file()]
    logs = [path for path in files if path.suffix in {".log", ""} or path.name in {"stdout", "stderr"}]
    assert len(logs) > EXECUTORS
    assert [path.name for path in logs if stack.api_key.encode() in path.read_bytes()] == []
    assert stack.api_key not in done.stdout + done.stderr

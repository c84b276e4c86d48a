"""The API as a service on a real YARN: deployed, scaled with the work and back, with texts of real reviews."""

import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.client.sync import Client
from nlpbatch.deploy.archive import pack_files, python_of
from nlpbatch.errors import NlpbatchError
from proxy.scaler.yarn_services import YarnFault
from tests.cluster.hadoop import Hadoop
from tests.cluster.jars import CannotStart, fetch_jars
from tests.cluster.service_on_yarn import PYTHON, SERVICE, service_on_yarn
from tests.fakes.no_cache import NO_CACHE

SCALING = "min_workers = 1\nmax_workers = 2\nup_window_s = 2\ndown_window_s = 10"
TIMES = 2
"""How often the reviews come in the rush; no cache has them."""
PATIENCE_S = 240


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        jars = fetch_jars(services=True)
    except CannotStart as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))
    with Hadoop(tmp_path_factory.mktemp("services") / "daemons", jars, services=True) as running:
        yield running


@pytest.fixture(scope="module")
def service(cluster, tmp_path_factory):
    with service_on_yarn(cluster, tmp_path_factory.mktemp("service"), SCALING) as made:
        yield made


@pytest.fixture
def rush(reviews, tmp_path):
    """Return a file with the reviews several times over."""
    file = tmp_path / "rush.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(reviews, columns=["review"])] * TIMES), file)
    return file


def until(reached, process=None):
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s
        assert process is None or process.poll() is None
        time.sleep(0.5)


def analysing(file, output, url, key):
    command = [sys.executable, "-m", "nlpbatch", "analyze", str(file), "-o", str(output), "--text", "review"]
    environment = {**os.environ, "NLPBATCH_API_KEY": key}
    return subprocess.Popen([*command, "--service", url], env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def asking(url, key):
    """Have three callers ask for one text after the other, too little work to keep a worker: while one leaves."""
    counts, stop = Counter(), threading.Event()

    def ask():
        with Client(url, api_key=key, on_retry=lambda _: counts.update(retried=1)) as client:
            while not stop.wait(0.05):
                try:
                    client.analyze([f"아버지가 방에 들어가신다 {counts['answered']}"])
                    counts["answered"] += 1
                except NlpbatchError:
                    counts["failed"] += 1

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_containers_follow_the_work_and_no_request_fails(service, rush, tmp_path):
    with Stack(StackOptions(workers=2, server_config=NO_CACHE)) as fixed:
        process = analysing(rush, tmp_path / "fixed.parquet", fixed.service, fixed.api_key)
        assert process.communicate()[1] is not None
        assert process.returncode == 0
    deployed = service.deploy("--config", NO_CACHE)
    assert deployed.returncode == 0, deployed.stderr
    assert deployed.stdout.startswith("application_")
    (container,) = service.containers().containers
    (registered,) = service.state()["registrations"]
    assert registered["name"] == container.id
    assert SERVICE in service.deploy().stderr  # there is one of that name: nothing is packed or sent
    with service.scaler("--period", 1, "--min-units", 1) as logged:
        process = analysing(rush, tmp_path / "scaled.parquet", service.proxy.url, service.key)
        until(lambda: len(service.state()["registrations"]) == 2, process)
        assert process.communicate()[1] is not None
        assert process.returncode == 0
        with asking(service.proxy.url, service.key) as counts:
            until(lambda: len(service.containers().containers) == 1)
        assert counts["answered"] > 20
        assert (counts["failed"], counts["retried"]) == (0, 0)
        assert [one["name"] for one in service.state()["registrations"]] == [container.id]
    events = [(one["event"], one.get("units")) for one in logged if one["logger"] == "nlpbatch.scale"]
    changes = [units for event, units in events if event == "scaled"]
    assert 2 in changes
    assert changes[-1] == 1
    # Each was asked to leave first, and taken away afterwards.
    left, removed = (events.index((event, None)) for event in ("container leaves", "containers removed"))
    assert left < events.index(("scaled", 1)) < removed
    answers = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("fixed", "scaled")]
    assert answers[0].num_rows == pq.read_metadata(rush).num_rows
    assert answers[0].equals(answers[1])
    assert service.remove().returncode == 0


def test_what_can_never_run_is_said_with_the_end_of_its_log(service, tmp_path):
    config = tmp_path / "server.toml"
    config.write_text('[analyzers.default]\nengine = "python:nowhere_at_all:load"\n')
    said = service.deploy("--config", config)
    assert said.returncode == 2
    assert "api-0 ends again and again" in said.stderr
    assert "there is no module 'nowhere_at_all'" in said.stderr
    assert service.remove().returncode == 0
    other = tmp_path / "other.tar.gz"
    (tmp_path / "python.json").write_text(json.dumps(python_of(service.archive) | {"version": [3, 9, 1]}))
    with tarfile.open(service.archive) as packed:
        packed.extract("start.py", tmp_path, filter="data")
    pack_files(other, {name: tmp_path / name for name in ("python.json", "start.py")})
    # Its name says no version, so that only the container can tell.
    said = service.deploy("--archive", other, "--python", Path(PYTHON).with_name("python3"))
    assert "the archive was packed by Python 3.9.1 for" in said.stderr
    assert service.remove().returncode == 0


def test_what_has_no_room_stays_pending_and_says_so(service):
    said = service.deploy("--containers", 3, "--memory", 4000, "--timeout", 30)
    assert said.returncode == 1
    assert "of 3 containers of 'api' run: YARN starts the others when there is room for" in said.stderr
    assert service.containers().pending == 2
    assert service.remove().returncode == 0


def test_a_secret_that_the_proxies_do_not_know_is_said_before_anything_is_packed(service, tmp_path):
    wrong = tmp_path / "secret"
    wrong.write_text("something that nobody else knows")
    said = service.deploy("--secret", wrong, "--archive", tmp_path / "not-packed")
    assert (said.returncode, "the secret is not that of this proxy" in said.stderr) == (2, True)
    assert not (tmp_path / "not-packed").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--queue", "nowhere"], "unknown queue: nowhere"),
        (["--memory", 999_999], "larger than configured max container memory"),
        (["--service", "a_b"], "small letters, digits and hyphens"),
        (["--python", "python3.9"], "and --python is python3.9: name python3"),
        (["--yarn", "http://127.0.0.1:9"], "YARN doesn't answer at http://127.0.0.1:9"),
        (["--proxy", "http://127.0.0.1:9"], "http://127.0.0.1:9 doesn't answer"),
        (["--secret", __file__], "--secret has characters that no header carries"),
        (["--secret", Path(__file__).with_name("__init__.py")], "can't be read"),
        (["--directory", "/tmp/here"], "is not on HDFS"),
        (["--directory", "hdfs://127.0.0.1:9/a"], "can't be written"),
        (["--workers", 0], "--workers is 0: give 1 to"),
        (["--archive", PYTHON], "is no archive of nlpbatch"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(service, options, says):
    said = service.deploy(*options)
    assert said.returncode in {1, 2}
    assert says in said.stderr
    with pytest.raises(YarnFault, match="not found"):
        service.services.service(SERVICE)

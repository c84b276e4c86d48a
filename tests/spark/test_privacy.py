"""A whole run, and a grep over everything that it leaves but its output: no fragment of a text, none of a key.

Real Spark with its UI and event log, two jobs of which one fails, an API and a proxy that log everything, a ledger, a
request log, an audit log, a shared store; and requests that are refused, whose answers are looked at, too.
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import pytest
import urllib3
from redis import Redis

from proxy.keys import make_key
from tests.fakes.commands import ROOT, run
from tests.fakes.leaks import Fragments, made_up_text, writings_of
from tests.fakes.running_api import eventually, running_api
from tests.fakes.running_store import free_port, running_store

SPARK_SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"
FLEET_SECRET = "of-the-fleet-8c1f0a55d2e94b77"
KEY, ENTRY = make_key()
PROXY = """
log_level = "debug"
[shared]
url = "{store}"
secret_file = "{secret}"
timeout_s = 5.0
[ledger]
directory = "{directory}/ledger"
[request_log]
directory = "{directory}/requests"
[keys]
file = "{directory}/keys.json"
[[backends]]
url = "{api}"
[tenants.home]
keys = ["{entry}"]
"""
API = """
log_level = "debug"
[pool]
workers = 2
[limits]
text_bytes = 2000
"""
CHANCE = random.Random(20261128)
TEXTS = [made_up_text(CHANCE) for _ in range(1_100)] + [made_up_text(CHANCE, 200) for _ in range(3)]
"""The last ones are too large, so that their rows fail."""
SENT_BADLY = [made_up_text(CHANCE) for _ in range(8)]
"""Texts in requests that are refused."""


class Watch:
    """What the UI of a running Spark shows, and the command lines of all processes, as long as a job runs."""

    def __init__(self, port):
        self.ui, self.commands = {}, set()
        self._port, self._ended = port, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self):
        self._ended.set()
        self._thread.join()

    def _watch(self):
        http = urllib3.PoolManager(retries=False, timeout=5.0)
        while not self._ended.wait(0.3):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    words = (process / "cmdline").read_bytes()
                    self.commands |= {words} if b"java" in words or b"python" in words else set()
            with suppress(urllib3.exceptions.HTTPError, ValueError, IndexError):
                self._look(http, f"http://127.0.0.1:{self._port}")

    def _look(self, http, url):
        api = f"{url}/api/v1/applications"
        application = json.loads(http.request("GET", api).data)[0]["id"]
        paths = (
            "environment",
            "jobs",
            "stages",
            "stages?details=true",
            "sql?details=true",
            "allexecutors",
            "storage/rdd",
        )
        pages = [f"{api}/{application}/{path}" for path in paths]
        pages += [f"{url}/{page}/" for page in ("jobs", "stages", "environment", "executors", "SQL", "StreamingQuery")]
        for page in pages:
            self.ui[page.partition("?")[0]] = http.request("GET", page).data


class Run:
    """Everything that was started, and what it has left."""

    def __init__(self, directory, stack):
        self.directory, self.places = directory, {}
        self.http = urllib3.PoolManager(retries=False, timeout=30.0)
        self.store = stack.enter_context(running_store(directory))
        (directory / "api").mkdir()
        self.api = stack.enter_context(running_api("kiwi", directory / "api", API))
        secret = directory / "secret"
        secret.write_text(FLEET_SECRET)
        config, self.log = directory / "proxy.toml", directory / "proxy.log"
        values = {
            "store": self.store.url,
            "secret": secret,
            "directory": directory,
            "api": self.api.url,
            "entry": ENTRY,
        }
        config.write_text(PROXY.format(**values))
        command = ["-m", "nlpbatch", "proxy", "serve", "--config", str(config), "--port", "0", "--admin-port", "0"]
        with self.log.open("w") as log:
            self.proxy = subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=log, stdin=subprocess.DEVNULL)
        stack.callback(self.proxy.wait)
        stack.callback(self.proxy.terminate)
        self.service, self.admin = (f"http://127.0.0.1:{self._port(name)}" for name in ("service", "admin"))
        eventually(lambda: self.http.request("GET", f"{self.service}/readyz").status == 200)
        self.watch = None

    def _port(self, listener):
        found = []

        def listening():
            assert self.proxy.poll() is None, self.log.read_text()
            found[:] = re.findall(rf'"listener": "{listener}".*?"port": (\d+)', self.log.read_text())
            return found

        eventually(listening)
        return int(found[0])

    def submit(self, name, *options):
        """Run a job with UI and event log; keep what it says."""
        port, events = free_port(), self.directory / "events"
        events.mkdir(exist_ok=True)
        self.watch = Watch(port)
        conf = {
            "spark.ui.enabled": "true",
            "spark.ui.port": port,
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": events.as_uri(),
            "spark.sql.ui.explainMode": "extended",
        }
        command = [str(SPARK_SUBMIT), "--master", "local[2]"]
        command += [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
        done = subprocess.run(
            [*command, str(ROOT / "jobs" / "analyze.py"), *map(str, options)],
            env={name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}
            | {"PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "LC_ALL": "C.UTF-8"}
            | {"NLPBATCH_API_KEY": KEY, "NLPBATCH_SERVICE": self.service},
            cwd=self.directory,
            capture_output=True,
            timeout=300,
            check=False,
        )
        self.watch.stop()
        self.places |= {f"{name}: {page}": data for page, data in self.watch.ui.items()}
        self.places |= {f"{name}: stdout": done.stdout, f"{name}: stderr": done.stderr}
        self.places[f"{name}: command lines"] = b"\n".join(self.watch.commands)
        return done.returncode

    def refuse(self):
        """Send what is refused, or fails, with a text in each; keep the answers."""
        wrong = {"Authorization": f"Bearer {make_key()[0]}"}
        own, json_ = {"Authorization": f"Bearer {KEY}"}, {"Content-Type": "application/json"}
        texts = iter(SENT_BADLY)
        bodies = [
            (wrong | json_, json.dumps({"texts": [next(texts)]}).encode()),
            (own | json_, f'{{"texts": ["{next(texts)}'.encode()),
            (own | json_, json.dumps({"texts": next(texts)}).encode()),
            (own | json_, json.dumps({"texts": [{"text": next(texts)}]}).encode()),
            (own | json_, json.dumps({"texts": [next(texts) * 50]}).encode()),
            (own | json_, json.dumps({"texts": [next(texts)], "top_n": -1}).encode()),
            (own | {"Content-Type": "text/plain"}, next(texts).encode()),
            (own | {"Content-Type": "application/vnd.apache.arrow.stream"}, next(texts).encode()),
        ]
        for number, (headers, body) in enumerate(bodies):
            answer = self.http.request("POST", f"{self.service}/v1/analyze", body=body, headers=headers)
            assert answer.status >= 400 or b'"error"' in answer.data
            self.places[f"refusal {number}"] = answer.data + json.dumps(dict(answer.headers)).encode()
        for url in (self.service, self.api.url):
            # Not JSON, so that the text is only in what the parser could quote.
            answer = self.http.request("GET", f"{url}/v1/{'x' * 20}?text={SENT_BADLY[0]}", headers=own)
            self.places[f"no such path at {url}"] = answer.data

    def collect(self):
        """Return all that the run has left so far."""
        places = dict(self.places)
        own = {"Authorization": f"Bearer {KEY}"}
        for path in ("/metrics", "/readyz", "/v1/limits", "/v1/usage?by=job"):
            places[f"proxy {path}"] = self.http.request("GET", self.service + path, headers=own).data
        for path in ("/state", "/config", "/usage?by=key", "/keys", "/audit"):
            places[f"admin {path}"] = self.http.request("GET", self.admin + path).data
        for path in ("/metrics", "/readyz", "/quarantine", "/openapi.json"):
            places[f"api {path}"] = self.http.request("GET", self.api.url + path).data
        with Redis(port=self.store.port) as store:
            store.config_set("rdbcompression", "no")  # else long values would be compressed
            places["store"] = b"\n".join(key + b" " + (store.dump(key) or b"") for key in store.scan_iter())
        code, out, err = run("runs", str(self.directory), "--json")
        places["nlpbatch runs"] = out.encode() + err.encode()
        assert code == 0
        for file in self.directory.rglob("*"):
            name = str(file.relative_to(self.directory))
            if file.is_file() and not name.endswith((".parquet", ".crc")) and name != "secret":
                places[name] = file.read_bytes()
        return places


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A run that is done, and what it has left."""
    directory = tmp_path_factory.mktemp("privacy")
    with ExitStack() as stack:
        started = Run(directory, stack)
        pq.write_table(pa.table({"id": range(len(TEXTS)), "text": TEXTS}), directory / "in.parquet")
        options = ("--input", directory / "in.parquet", "--text", "text")
        assert started.submit("job", *options, "--output", directory / "out") == 0, started.places["job: stdout"]
        wrong = (*options, "--output", directory / "failed", "--max-error-ratio", "0.0001")
        assert started.submit("failing job", *wrong) == 1
        started.refuse()
        # Through the operator's hands: a key that was issued, and ended.
        members = json.dumps({"tenant": "home"}).encode()
        issued = started.http.request("POST", f"{started.admin}/keys", body=members).json()
        started.http.request("POST", f"{started.admin}/keys/{issued['id']}/revoke")
        time.sleep(1)  # the ledger is carried ten times a second, the request log written once
        yield (
            started,
            started.collect(),
            Fragments([*TEXTS, *SENT_BADLY], [secret(KEY), secret(issued["key"]), FLEET_SECRET]),
        )


def secret(key):
    return key.rpartition("_")[2] if "_" not in key[18:] else key[18:]


def test_the_run_was_one(left):
    started, places, _ = left
    summary = json.loads(places["out/_nlpbatch/summary.json"])
    assert summary["rows"] == len(TEXTS)
    assert summary["errors"] == {"text_too_large": 3}
    assert sum(row["analysed"] for row in json.loads(places["proxy /v1/usage?by=job"])["rows"]) > 0
    # Every kind of place is there, and says what it is for.
    assert b'"event": "request"' in places["proxy.log"]
    assert b'"event"' in places["api/log"]
    assert any(name.startswith("requests/") and b'"job"' in data for name, data in places.items())
    assert any(name.startswith("ledger/") for name in places)
    assert b"key.revoke" in places["admin /audit"]
    assert any(name.startswith("events/") and b"SparkListenerTaskEnd" in data for name, data in places.items())
    assert any("/environment" in name and b"spark.eventLog.dir" in data for name, data in places.items())
    assert any(
        ("sql" in name and b"physicalPlan" in data) or b"planDescription" in data for name, data in places.items()
    )
    assert b"jobs/analyze.py" in places["job: command lines"]
    assert len(places["store"]) > 200
    assert started.proxy.poll() is None


def test_no_fragment_of_a_text_or_a_key_is_left_anywhere(left):
    _, places, fragments = left
    assert {name: found for name, data in places.items() if (found := fragments.found_in(data))} == {}


@pytest.mark.parametrize("writing", ["utf-8", "json", "percent", "utf-16", "base64"])
def test_a_planted_fragment_is_found_in_every_place(left, writing):
    _, places, fragments = left
    planted = writings_of(TEXTS[7][:5])[writing]
    missed = [name for name, data in places.items() if not fragments.found_in(data[:5000] + b" " + planted + b" ")]
    assert missed == []


def test_planted_keys_are_found_and_so_is_what_is_planted_in_store_and_files(left):
    started, _, fragments = left
    assert fragments.found_in(b"xx" + secret(KEY)[5:18].encode() + b"yy")
    with Redis(port=started.store.port) as store:
        store.set("nlpbatch:planted", TEXTS[3] * 10)
    (started.directory / "events" / "planted").write_text(f"… {SENT_BADLY[2][:11]} …", encoding="utf-8")
    found = {name for name, data in started.collect().items() if fragments.found_in(data)}
    assert found == {"store", "events/planted"}

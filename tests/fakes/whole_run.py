"""A whole run with everything that could leak: API, proxy, store, collector, jobs; and what all that has left."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
import urllib3
from redis import Redis

from proxy.keys import make_key
from tests.fakes.collector import running_collector
from tests.fakes.commands import ROOT, run
from tests.fakes.leaks import made_up_text
from tests.fakes.running_api import eventually, running_api
from tests.fakes.running_store import free_port, running_store
from tests.fakes.watched import Watch, environments

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
PLANTED = made_up_text(CHANCE, 1)
"""A part of no text of the run: it is planted as the name of a column."""
SENT_BADLY = [made_up_text(CHANCE) for _ in range(8)]
"""Texts in requests that are refused."""


class WholeRun:
    """Everything that was started, and what it has left."""

    def __init__(self, directory, stack):
        self.directory, self.places = directory, {}
        self.http = urllib3.PoolManager(retries=False, timeout=30.0)
        self.store = stack.enter_context(running_store(directory))
        self.collector = stack.enter_context(running_collector())
        self.tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in self.tracing.items():  # for the servers, which start with this environment
            patched.setenv(name, value)
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

    def _port(self, listener):
        found = []

        def listening():
            assert self.proxy.poll() is None, self.log.read_text()
            found[:] = re.findall(rf'"listener": "{listener}".*?"port": (\d+)', self.log.read_text())
            return found

        eventually(listening)
        return int(found[0])

    def submit(self, name, *options, conf=None, variables=None):
        """Run a job with UI and event log; keep what it says."""
        port, events = free_port(), self.directory / "events"
        events.mkdir(exist_ok=True)
        watch = Watch(port, f"NLPBATCH_API_KEY={KEY}".encode())
        conf = (conf or {}) | {
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
            | {"NLPBATCH_API_KEY": KEY, "NLPBATCH_SERVICE": self.service}
            | self.tracing
            | (variables or {}),
            cwd=self.directory,
            capture_output=True,
            timeout=300,
            check=False,
        )
        watch.stop()
        self.places |= {f"{name}: UI {page}": data for page, data in watch.ui.items()}
        self.places |= {f"{name}: stdout": done.stdout, f"{name}: stderr": done.stderr}
        self.places[f"{name}: command lines"] = b"\n".join(watch.commands)
        self.places[f"{name}: environments"] = b"\n".join(watch.environments)
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
        pages = ("dashboard", "dashboard.json", "dashboard/limits", "dashboard/dashboard.js", "dashboard/whatif.js")
        for path in (
            "/state",
            "/config",
            "/usage?by=key",
            "/keys",
            "/audit",
            "/metrics",
            *(f"/{page}" for page in pages),
        ):
            places[f"admin {path}"] = self.http.request("GET", self.admin + path).data
        edits = {"edits": [{"path": ["tenants", "home", "quota", "bytes_per_s"], "value": 1_000_000}]}
        for name, body in (("an answer", json.dumps(edits)), ("a refusal", f'{{"edits": "{SENT_BADLY[0]}"')):
            answer = self.http.request("POST", f"{self.admin}/dashboard/what-if", body=body.encode())
            places[f"what-if, {name}"] = answer.data
        places["spans"] = b"\n".join(list(self.collector.bodies))
        places["environments of the servers"] = environments([self.proxy.pid, self.api.process.pid])
        for path in ("/metrics", "/readyz", "/quarantine", "/openapi.json"):
            places[f"api {path}"] = self.http.request("GET", self.api.url + path).data
        with Redis(port=self.store.port) as store:
            store.config_set("rdbcompression", "no")  # else long values would be compressed
            places["store"] = b"\n".join(key + b" " + (store.dump(key) or b"") for key in store.scan_iter())
        for command in (("runs", str(self.directory), "--json"), ("top", "--json", "--admin", self.admin)):
            code, out, err = run(*command)
            places[f"nlpbatch {command[0]}"] = out.encode() + err.encode()
            assert code == 0
        for file in self.directory.rglob("*"):
            name = str(file.relative_to(self.directory))
            if file.is_file() and not name.endswith((".parquet", ".crc")) and name != "secret":
                places[name] = file.read_bytes()
        return places

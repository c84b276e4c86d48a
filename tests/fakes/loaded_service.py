"""A proxy in a process of its own before a real API, with its operator's listener, and callers that keep it busy."""

import json
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from proxy.keys import make_key
from tests.fakes.running_api import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]
TENANTS = ("search", "news", "web")
KEYS = {name: make_key() for name in TENANTS}
CONFIG = """
[upstream]
health_period_s = 0.1
[[backends]]
url = "{url}"
[tenants.search]
keys = ["{search}"]
weight = 3.0
[tenants.search.budget]
bytes_per_day = 100_000_000
bytes_per_month = 2_000_000_000
[tenants.news]
keys = ["{news}"]
[tenants.news.quota]
bytes_per_s = 20_000
burst_bytes = 100_000
concurrency = 6
[tenants.web]
keys = ["{web}"]
[tenants.web.quota]
concurrency = 20
"""
SENTENCES = "아버지가 방에 들어가신다. 오늘 산 책을 밤늦게까지 읽었더니 눈이 아프다. 배송이 빨라서 좋았어요! "


class LoadedService:
    """The proxy, and its callers while `load` lasts.

    Args:
        directory: Where its configuration and log are.
        backend: The API's address.

    """

    def __init__(self, directory, backend):
        self.file, self._log = directory / "proxy.toml", directory / "log"
        entries = {name: entry for name, (_, entry) in KEYS.items()}
        self.file.write_text(CONFIG.format(url=backend, **entries), encoding="utf-8")
        self._numbers = count()
        self.http = urllib3.PoolManager(retries=False, timeout=PATIENCE_S, maxsize=32)
        self.answered = 0

    @contextmanager
    def running(self):
        command = [sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(self.file)]
        with self._log.open("w") as log:
            process = subprocess.Popen(
                [*command, "--port", "0", "--admin-port", "0"], cwd=ROOT, stdin=subprocess.DEVNULL, stderr=log
            )
        try:
            eventually(lambda: self._port("service") and self._port("admin"))
            self.url = f"http://127.0.0.1:{self._port('service')}"
            self.admin_url = f"http://127.0.0.1:{self._port('admin')}"
            eventually(lambda: self.http.request("GET", f"{self.url}/readyz").status == 200)
            yield self
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    @contextmanager
    def load(self):
        """Keep it busy: two jobs, one of which is over its quota, and people."""
        stop = threading.Event()
        callers = [("search", "reviews-2026", 40, 4), ("news", "headlines", 80, 3), ("web", "", 1, 1)]
        threads = [
            threading.Thread(target=self._call, args=(stop, tenant, job, texts))
            for tenant, job, texts, at_a_time in callers
            for _ in range(at_a_time)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(PATIENCE_S)

    def metrics(self):
        """Return what /metrics says: name and labels to value."""
        families = text_string_to_metric_families(self.http.request("GET", f"{self.url}/metrics").data.decode())
        return {
            (sample.name.removeprefix("nlpbatch_proxy_"), *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def requests_total(self):
        """Return how many requests /metrics has counted."""
        return sum(value for (name, *_), value in self.metrics().items() if name == "requests_total")

    def ask(self, tenant, job="", texts=1):
        """Send texts that nobody has sent before; return the answer."""
        body = json.dumps({"texts": [f"{next(self._numbers)} {SENTENCES}" for _ in range(texts)]}, ensure_ascii=False)
        headers = {"Authorization": f"Bearer {KEYS[tenant][0]}", "Content-Type": "application/json"}
        headers |= {"Nlpbatch-Job": job, "Priority": "u=5"} if job else {}
        return self.http.request("POST", f"{self.url}/v1/analyze", body=body.encode(), headers=headers)

    def _call(self, stop, tenant, job, texts):
        while not stop.is_set():
            answer = self.ask(tenant, job, texts)
            if answer.status == 200:
                self.answered += 1
            else:
                stop.wait(min(answer.json().get("retry_after_s") or 0.1, 2.0))
            if not job:
                time.sleep(0.1)  # a person thinks

    def _port(self, listener):
        found = re.search(rf'"listening".*"listener": "{listener}".*"port": (\d+)', self._log.read_text())
        return int(found[1]) if found else None

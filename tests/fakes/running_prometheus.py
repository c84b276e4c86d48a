"""A real Prometheus and a real Pushgateway, Debian's, on ports of their own."""

import json
import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from urllib3.exceptions import HTTPError

from tests.fakes.running_api import PATIENCE_S, eventually
from tests.fakes.running_store import free_port

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "conf" / "prometheus"


def program(name: str) -> str:
    """Return a program's path; tests that need it are skipped where there is none, under CI they fail."""
    found = shutil.which(name)
    if found is None:
        message = f"needs {name}: apt-get install prometheus prometheus-pushgateway"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


class Prometheus:
    """One that runs, with the rules of conf/prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def ask(self, path: str, **fields: str) -> Any:
        """Return what its HTTP API answers."""
        answer = self._http.request("GET", f"{self.url}/api/v1/{path}", fields=fields)
        members = json.loads(answer.data)
        assert members["status"] == "success", members
        return members["data"]

    def query(self, expression: str) -> list[float]:
        """Return the values of a query's series, but those that are no number."""
        found = self.ask("query", query=expression)["result"]
        return [value for value in (float(one["value"][1]) for one in found) if not math.isnan(value)]

    def are_up(self, *jobs: str) -> bool:
        """Return whether all targets of these jobs have been scraped."""
        targets = [target for target in self.ask("targets")["activeTargets"] if target["labels"]["job"] in jobs]
        return bool(targets) and all(target["health"] == "up" for target in targets)


@contextmanager
def running_prometheus(directory: Path, targets: dict[str, list[str]]) -> Iterator[Prometheus]:
    """Run one with the configuration of conf/prometheus, but every second, and with these targets by job."""
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(CONFIG / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": targets[job["job_name"]]}]
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    options = (f"--config.file={file}", f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address={address}")
    with _running(directory, address, program("prometheus"), *options):
        yield Prometheus(f"http://{address}")


@contextmanager
def running_pushgateway(directory: Path) -> Iterator[str]:
    """Run one; yield its address, without a scheme."""
    address = f"127.0.0.1:{free_port()}"
    with _running(directory, address, program("prometheus-pushgateway"), f"--web.listen-address={address}"):
        yield address


@contextmanager
def _running(directory: Path, address: str, *command: str) -> Iterator[None]:
    log = directory / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    http = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(HTTPError):
            return http.request("GET", f"http://{address}/-/ready").status == 200
        return False

    try:
        eventually(is_ready)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)

"""The API as a service on a real YARN, with a proxy and a scaler as processes beside it."""

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.keys import make_key
from proxy.scaler.yarn_services import Component, YarnServices
from tests.benchmarks.fleet import ProxyProcess
from tests.cluster.hadoop import Hadoop

SECRET = "what the containers know, too"
SERVICE = "nlpbatch"
PYTHON = str(Path(sys.executable).resolve())
"""That of this virtual environment: another one on this machine may be of an older patch."""


@dataclass
class ServiceOnYarn:
    """What is deployed and looked at.

    Args:
        hadoop: A cluster that runs services.
        proxy: Where the containers register.
        key: For callers of the proxy.
        directory: For files of its own.
        archive: The packages; packed by the first deployment.

    """

    hadoop: Hadoop
    proxy: ProxyProcess
    key: str
    directory: Path
    archive: Path

    @property
    def services(self) -> YarnServices:
        """Return what asks YARN."""
        return YarnServices(self.hadoop.resource_manager, "root")

    def deploy(self, *options: object, proxy: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run `nlpbatch deploy yarn`, by default with one container of one worker; return how it ended."""
        given = dict(zip(options[::2], options[1::2], strict=True))
        defaults = {
            "--proxy": proxy or self.proxy.url,
            "--secret": self.directory / "registration-secret",
            "--directory": f"{self.hadoop.url}/apps/nlpbatch",
            "--archive": self.archive,
            "--python": PYTHON,
            "--workers": 1,
        }
        return self._run("deploy", "yarn", *_flat(defaults | given))

    def remove(self) -> "subprocess.CompletedProcess[str]":
        """End the service."""
        return self._run("deploy", "yarn", "--remove")

    def containers(self) -> Component:
        """Return what YARN has of the API's containers."""
        return self.services.component(SERVICE, "api")

    def state(self) -> dict[str, Any]:
        """Return what the proxy says of itself."""
        with urllib.request.urlopen(f"{self.proxy.admin_url}/state", timeout=5) as answer:
            return dict(json.load(answer))

    @contextmanager
    def scaler(self, *options: object) -> Iterator[list[dict[str, Any]]]:
        """Run `nlpbatch scale`; the list has what it logged, when it has ended."""
        logged: list[dict[str, Any]] = []
        command = self._command("scale", "--target", "yarn", "--admin", self.proxy.admin_url, *options)
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(command, stderr=log)
            try:
                yield logged
            finally:
                process.send_signal(signal.SIGTERM)
                code = process.wait(60)
                log.seek(0)
                logged += [json.loads(line) for line in log if line.startswith("{")]
        assert code == 0, logged

    def _run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(self._command(*arguments), capture_output=True, text=True, check=False)

    def _command(self, *arguments: object) -> list[str]:
        # Before the options, so that a test may give another address.
        yarn = ("--yarn", self.hadoop.resource_manager, "--user", "root")
        at = 2 if arguments[0] == "deploy" else 1
        return [sys.executable, "-m", "nlpbatch", *map(str, arguments[:at]), *yarn, *map(str, arguments[at:])]


@contextmanager
def service_on_yarn(hadoop: Hadoop, directory: Path, scaling: str) -> Iterator[ServiceOnYarn]:
    """Run a proxy that takes registrations, and return what deploys a service; it ends with the context.

    Args:
        hadoop: A cluster that runs services.
        directory: For files.
        scaling: What is in [scaling] of the proxy.

    """
    key, entry = make_key()
    secret = directory / "registration-secret"
    secret.write_text(SECRET)
    groups = f'[registration]\nsecret_file = "{secret}"\n[scaling]\n{scaling}\n[tenants.a]\nkeys = ["{entry}"]\n'
    proxy = ProxyProcess(directory, groups)
    proxy.start()
    try:
        _wait(f"{proxy.url}/healthz")
        yield ServiceOnYarn(hadoop, proxy, key, directory, directory / "packages.tar.gz")
    finally:
        proxy.stop()


def _wait(url: str) -> None:
    """Return when it answers; the proxy isn't ready before there is an API."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        else:
            return


def _flat(options: dict[Any, Any]) -> Sequence[str]:
    return [str(part) for pair in options.items() if pair[1] is not None for part in pair]

"""What YARN is told of the service: its components, as the JSON of its services API."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import nlpbatch

API: Final = "api"
"""The component whose containers a scaler changes."""
PROXY: Final = "proxy"
SERVER_FILE: Final = "server.toml"
PROXY_FILE: Final = "proxy.toml"
LOG: Final = "stderr.txt"
"""Where a container's log is."""
_PACKAGES: Final = "nlpbatch"
_CONFIGURATION: Final = "configuration"
_SECRET_FILE: Final = "registration-secret"  # noqa: S105 - its name
_BASE_MIB: Final = 1_200
"""Kiwi once, kept answers and outcomes; what conf/deploy/kubernetes asks for, too."""
_WORKER_MIB: Final = 16
_PROXY_MIB: Final = 512
_PROPERTIES: Final = {
    "yarn.service.readiness-check-interval.seconds": "2",
    # An API that ended is started anew at once, perhaps on another node; by default the same node waits 30 s.
    "yarn.service.container-failure.retry.max": "0",
    # With as many ends in an hour the service is given up; by default with ten in six hours.
    "yarn.service.container-failure-per-component.threshold": "100",
    "yarn.service.failure-count-reset.window": "3600",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a service are, as YARN reads them.

    Args:
        packages: The archive of packages.
        configuration: The archive of configuration files.
        secret: The file with the registration secret.

    """

    packages: str
    configuration: str
    secret: str


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What is wanted of a service.

    Args:
        name: What YARN calls it.
        queue: In which it runs; None for YARN's default.
        python: The Python of the nodes: a name that is found there, or a path.
        containers: APIs to begin with.
        workers: Of each API, and so the cores of its container.
        memory_mib: Of each API's container; None for what Kiwi and so many workers need.
        port: Of the APIs; 0 has the system choose one, so that several may run on a node.
        proxies: Addresses at which the APIs register.
        own_proxies: Proxies that run as part of the service; the APIs register at these as well.
        proxy_port: Where these listen.

    """

    name: str
    queue: str | None = None
    python: str = "python3"
    containers: int = 1
    workers: int = 2
    memory_mib: int | None = None
    port: int = 0
    proxies: Sequence[str] = field(default_factory=list)
    own_proxies: int = 0
    proxy_port: int = 8700

    @property
    def api_mib(self) -> int:
        """Return the memory of an API's container."""
        return self.memory_mib or _BASE_MIB + _WORKER_MIB * self.workers


def specification(options: ServiceOptions, places: Places) -> dict[str, Any]:
    """Return the service as YARN's `POST /app/v1/services` takes it."""
    files = [
        {"type": "ARCHIVE", "src_file": places.packages, "dest_file": _PACKAGES},
        {"type": "ARCHIVE", "src_file": places.configuration, "dest_file": _CONFIGURATION},
        {"type": "STATIC", "src_file": places.secret, "dest_file": _SECRET_FILE},
    ]
    components = [_api(options)]
    if options.own_proxies:
        components.insert(0, _proxy(options))
    return {
        "name": options.name,
        "version": nlpbatch.__version__,
        "description": "Korean morphological analysis: nlpbatch",
        **({} if options.queue is None else {"queue": options.queue}),
        "configuration": {"properties": _PROPERTIES},
        "components": [one | {"restart_policy": "ALWAYS", "configuration": {"files": files}} for one in components],
    }


def _api(options: ServiceOptions) -> dict[str, Any]:
    arguments = ["serve", "--config", f"{_CONFIGURATION}/{SERVER_FILE}", "--host", "0.0.0.0"]  # noqa: S104
    arguments += ["--port", str(options.port), "--workers", str(options.workers), "--registration-secret", _SECRET_FILE]
    for url in options.proxies:
        arguments += ["--register", url]
    command = _command(options, arguments)
    for number in range(options.own_proxies):
        # YARN puts the address of the other component's container in, so that this part isn't quoted.
        command += f" --register http://${{{PROXY.upper()}-{number}_IP}}:{options.proxy_port}"
    component: dict[str, Any] = {
        "name": API,
        "number_of_containers": options.containers,
        "launch_command": command,
        "resource": {"cpus": options.workers, "memory": str(options.api_mib)},
    }
    if options.own_proxies:
        component["dependencies"] = [PROXY]
    # A proxy takes a registration only of an API that answers. YARN can ask only at a port that it knows.
    return component | (_at_port(API, options.port, "/readyz") if options.port else {})


def _proxy(options: ServiceOptions) -> dict[str, Any]:
    return {
        "name": PROXY,
        "number_of_containers": options.own_proxies,
        "launch_command": _command(options, ["proxy", "serve", "--config", f"{_CONFIGURATION}/{PROXY_FILE}"]),
        "resource": {"cpus": 1, "memory": str(_PROXY_MIB)},
        **_at_port(PROXY, options.proxy_port, "/healthz"),
    }


def _at_port(component: str, port: int, path: str) -> dict[str, Any]:
    """Return what has at most one container on a node, and YARN ask it there."""
    constraint = {"type": "ANTI_AFFINITY", "scope": "NODE", "target_tags": [component]}
    return {
        "readiness_check": {"type": "HTTP", "properties": {"url": f"http://${{THIS_HOST}}:{port}{path}"}},
        "placement_policy": {"constraints": [constraint]},
    }


def _command(options: ServiceOptions, arguments: Sequence[str]) -> str:
    return "exec " + shlex.join([options.python, f"{_PACKAGES}/start.py", *arguments])

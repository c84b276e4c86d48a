"""HDFS and YARN as separate processes on loopback, from Maven Central's artifacts of the version that PySpark brings.

with Hadoop(directory, fetch_jars()) as hadoop:      # NameNode, two DataNodes, ResourceManager, NodeManager
    submit(..., env={"HADOOP_CONF_DIR": hadoop.configuration})

With `services`, and the jars for them, ZooKeeper runs beside these, and YARN runs services, too.
"""

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.cluster.jars import CannotStart
from tests.cluster.site_files import DATANODES, OPENED, configure

_CLASSES = {
    "zookeeper": "org.apache.zookeeper.server.ZooKeeperServerMain",
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode-1": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "datanode-2": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "resourcemanager": "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    "nodemanager": "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}
_PORTS = range(20_000, 30_000)
_HEAP = "-Xmx256m"
_PATIENCE_S = 120
_POLL_S = 0.25


@dataclass
class Hadoop:
    """The daemons; everything they write is in `directory`.

    Args:
        directory: An empty or new one.
        jars: What `fetch_jars` returned.
        services: Whether YARN runs services, too.
        pids: The daemons that run.
        ports: Where the daemons listen.

    """

    directory: Path
    jars: Path
    services: bool = False
    pids: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    _started: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def configuration(self) -> Path:
        """The folder for HADOOP_CONF_DIR and YARN_CONF_DIR."""
        return self.directory / "conf"

    @property
    def url(self) -> str:
        """The root of HDFS."""
        return f"hdfs://127.0.0.1:{self.ports['namenode']}"

    @property
    def resource_manager(self) -> str:
        """Where the ResourceManager answers HTTP."""
        return f"http://127.0.0.1:{self.ports['rm-web']}"

    def start(self) -> None:
        """Start all daemons and return when they can be used.

        Raises:
            CannotStart: One ended, or isn't ready in time.

        """
        names = ["namenode", "namenode-web", "rm", "rm-scheduler", "rm-tracker", "rm-admin", "rm-web"]
        names += ["zookeeper"] if self.services else []
        self.ports = dict(zip(names, _free_ports(len(names)), strict=True))
        configure(self.directory, self.ports, services=self.services)
        self._java("format", _CLASSES["namenode"], "-format", "-nonInteractive").wait(timeout=_PATIENCE_S)
        for name in _CLASSES if self.services else [name for name in _CLASSES if name != "zookeeper"]:
            self.launch(name)
        self._wait("namenode", self._storage_is_ready)
        self._wait("resourcemanager", self._node_is_ready)

    def launch(self, name: str) -> None:
        """Start one daemon, or start it again."""
        arguments = [str(self.ports[name]), str(self.directory / name)] if name == "zookeeper" else []
        self.pids[name] = self._java(name, _CLASSES[name], *arguments).pid

    def kill(self, name: str) -> None:
        """Kill one daemon as a power cut would."""
        pid = self.pids.pop(name)
        os.kill(pid, signal.SIGKILL)
        _reap(pid)

    def alive(self) -> dict[str, bool]:
        """Return which of the daemons that were started still run."""
        return {name: not _reap(pid) for name, pid in self.pids.items()}

    def stop(self) -> None:
        """End all daemons; the last to start goes first."""
        for name in reversed(list(self.pids)):
            with suppress(ProcessLookupError):
                os.kill(self.pids[name], signal.SIGTERM)
        for name in list(self.pids):
            self._end(self.pids.pop(name))
        for process in self._started:
            process.wait()  # they have ended by now

    def shell(self, *arguments: str) -> str:
        """Return what `hadoop fs` prints."""
        return self._run("org.apache.hadoop.fs.FsShell", *arguments)

    def admin(self, *arguments: str) -> str:
        """Return what `hdfs dfsadmin` prints."""
        return self._run("org.apache.hadoop.hdfs.tools.DFSAdmin", *arguments)

    def names(self, path: str) -> list[str]:
        """Return the names in a directory on HDFS, quickly, for those who wait for one."""
        found = _ask(f"http://127.0.0.1:{self.ports['namenode-web']}/webhdfs/v1{path}?op=LISTSTATUS")
        return [status["pathSuffix"] for status in found["FileStatuses"]["FileStatus"]]

    def _run(self, cls: str, *arguments: str) -> str:
        command = self._command(cls, self.configuration, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"{cls} {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def _end(self, pid: int) -> None:
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            if _reap(pid):
                return
            time.sleep(_POLL_S)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _reap(pid)

    def _command(self, cls: str, configuration: Path, *arguments: str) -> list[str]:
        java = Path(os.environ["JAVA_HOME"]) / "bin" / "java" if os.environ.get("JAVA_HOME") else "java"
        options = (_HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")
        if self.services:
            options += (OPENED, f"-Dservice.libdir={self.jars}")  # the service's master gets these jars
        return [str(java), *options, "-cp", f"{configuration}:{self.jars}/*", cls, *arguments]

    def _java(self, name: str, cls: str, *arguments: str) -> "subprocess.Popen[bytes]":
        own = self.directory / f"conf-{name}"
        configuration = own if own.exists() else self.configuration
        log = (self.directory / f"{name}.log").open("ab")
        with log:
            process = subprocess.Popen(
                self._command(cls, configuration, *arguments),
                env=os.environ | {"HADOOP_CONF_DIR": str(self.configuration)},  # containers get the NodeManager's
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests; they stop it
            )
        self._started.append(process)
        return process

    def _wait(self, name: str, ready: Any) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            for daemon, pid in self.pids.items():
                if _reap(pid):
                    raise CannotStart(f"{daemon} ended: {self._end_of_log(daemon)}")
            with suppress(OSError, ValueError, KeyError, urllib.error.URLError):
                if ready():
                    return
            time.sleep(_POLL_S)
        raise CannotStart(f"{name} is not ready after {_PATIENCE_S} s: {self._end_of_log(name)}")

    def _end_of_log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")[-2000:]

    def _storage_is_ready(self) -> bool:
        query = "jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        (state,) = _ask(f"http://127.0.0.1:{self.ports['namenode-web']}/{query}")["beans"]
        return bool(state["FSState"] == "Operational" and state["NumLiveDataNodes"] == len(DATANODES))

    def _node_is_ready(self) -> bool:
        return bool(_ask(f"{self.resource_manager}/ws/v1/cluster/metrics")["clusterMetrics"]["activeNodes"] == 1)

    def applications(self) -> Iterator[Mapping[str, Any]]:
        """Yield what the ResourceManager knows of each application."""
        found = _ask(f"{self.resource_manager}/ws/v1/cluster/apps")["apps"]
        yield from (found or {}).get("app", ())


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody has; from below those that the system gives to outgoing connections at any moment."""
    ports: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            ports.append(port)
        if len(ports) == count:
            return ports
    raise CannotStart(f"fewer than {count} ports of {_PORTS} are free")


def _reap(pid: int) -> bool:
    """Return whether a process has ended, be it our child or an earlier command's."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not re.search(r"^State:\s+[^Z]", _status(pid), re.MULTILINE)


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""

"""HDFS and YARN as separate processes on loopback, from Maven Central's artifacts of the version that PySpark brings.

with Hadoop(directory, fetch_jars()) as hadoop:      # NameNode, two DataNodes, ResourceManager, NodeManager
    submit(..., env={"HADOOP_CONF_DIR": hadoop.configuration})
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from xml.sax.saxutils import escape

import pyspark

_POM = Path(__file__).parent / "pom.xml"
_CLASSES = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode-1": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "datanode-2": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "resourcemanager": "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    "nodemanager": "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}
DATANODES = ("datanode-1", "datanode-2")
_PORTS = range(20_000, 30_000)
_HEAP = "-Xmx256m"
_PATIENCE_S = 120
_POLL_S = 0.25
_LOGGING = """\
log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c{2}: %m%n
"""


class CannotStart(RuntimeError):
    """What the cluster lacks, or the end of the log of the daemon that ended."""


def hadoop_version() -> str:
    """Return the version of Hadoop that the installed PySpark brings."""
    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")
    return jar.stem.removeprefix("hadoop-client-api-")


def fetch_jars() -> Path:
    """Return a folder with the daemons' jars; fetched once by Maven (100 MB), then kept.

    Raises:
        CannotStart: There is no Maven, or it failed.

    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlpbatch"
    cache /= f"hadoop-{hadoop_version()}-{zlib.crc32(_POM.read_bytes()):08x}"
    if (cache / ".complete").exists():
        return cache
    if shutil.which("mvn") is None:
        raise CannotStart("HDFS and YARN come from Maven Central, and there is no mvn: apt-get install maven")
    done = subprocess.run(
        [
            *("mvn", "-q", "-B", "-f", str(_POM), f"-Dhadoop.version={hadoop_version()}"),
            *("dependency:copy-dependencies", f"-DoutputDirectory={cache}", "-DincludeScope=runtime"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"mvn ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    (cache / ".complete").touch()
    return cache


@dataclass
class Hadoop:
    """The five daemons; everything they write is in `directory`.

    Args:
        directory: An empty or new one.
        jars: What `fetch_jars` returned.
        pids: The daemons that run.
        ports: Where the daemons listen.

    """

    directory: Path
    jars: Path
    pids: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    _begun: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

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
        names = ("namenode", "namenode-web", "rm", "rm-scheduler", "rm-tracker", "rm-admin", "rm-web")
        self.ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self._configure()
        self._java("format", _CLASSES["namenode"], "-format", "-nonInteractive").wait(timeout=_PATIENCE_S)
        for name in _CLASSES:
            self.launch(name)
        self._wait("namenode", self._storage_is_ready)
        self._wait("resourcemanager", self._node_is_ready)

    def launch(self, name: str) -> None:
        """Start one daemon, or start it again."""
        self.pids[name] = self._java(name, _CLASSES[name]).pid

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
        for process in self._begun:
            process.wait()  # which have ended by now

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
        return [str(java), *options, "-cp", f"{configuration}:{self.jars}/*", cls, *arguments]

    def _java(self, name: str, cls: str, *arguments: str) -> "subprocess.Popen[bytes]":
        own = self.directory / f"conf-{name}"
        configuration = own if own.exists() else self.configuration
        log = (self.directory / f"{name}.log").open("ab")
        with log:
            process = subprocess.Popen(
                self._command(cls, configuration, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests; they stop it
            )
        self._begun.append(process)
        return process

    def _configure(self) -> None:
        self.configuration.mkdir(parents=True)
        _write(self.configuration / "core-site.xml", self._core())
        _write(self.configuration / "hdfs-site.xml", self._hdfs())
        _write(self.configuration / "yarn-site.xml", self._yarn())
        (self.configuration / "log4j.properties").write_text(_LOGGING)
        # Their pages are in Hadoop's download only, and without a folder for them they don't start.
        for name in ("hdfs", "datanode"):
            (self.configuration / "webapps" / name).mkdir(parents=True)
        for name in DATANODES:
            own = shutil.copytree(self.configuration, self.directory / f"conf-{name}")
            _write(own / "hdfs-site.xml", self._hdfs() | {"dfs.datanode.data.dir": str(self.directory / name)})

    def _core(self) -> dict[str, object]:
        return {"fs.defaultFS": self.url, "hadoop.tmp.dir": self.directory / "tmp"}

    def _hdfs(self) -> dict[str, object]:
        return {
            "dfs.namenode.name.dir": self.directory / "namenode",
            "dfs.namenode.http-address": f"127.0.0.1:{self.ports['namenode-web']}",
            "dfs.namenode.safemode.extension": 0,
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            # A lost DataNode is noticed within 15 s, not within ten minutes.
            "dfs.heartbeat.interval": 1,
            "dfs.namenode.heartbeat.recheck-interval": 2000,
            "dfs.replication": 2,
            "dfs.blocksize": "1m",  # so that files of tests have several
            "dfs.permissions.enabled": "false",
            **{f"dfs.datanode.{name}address": "127.0.0.1:0" for name in ("", "http.", "ipc.")},
            "dfs.client.socket-timeout": 10_000,
        }

    def _yarn(self) -> dict[str, object]:
        resource_manager = {"": "rm", "scheduler.": "rm-scheduler", "resource-tracker.": "rm-tracker"}
        resource_manager |= {"admin.": "rm-admin", "webapp.": "rm-web"}
        return {
            **{
                f"yarn.resourcemanager.{name}address": f"127.0.0.1:{self.ports[port]}"
                for name, port in resource_manager.items()
            },
            **{f"yarn.nodemanager.{name}address": "127.0.0.1:0" for name in ("", "localizer.", "webapp.")},
            # The Capacity Scheduler wants a file of its own, and one queue needs none.
            "yarn.resourcemanager.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager.scheduler"
            ".fifo.FifoScheduler",
            "yarn.nodemanager.resource.memory-mb": 6144,
            "yarn.nodemanager.resource.cpu-vcores": 8,
            "yarn.scheduler.minimum-allocation-mb": 128,
            "yarn.nodemanager.vmem-check-enabled": "false",
            "yarn.nodemanager.pmem-check-enabled": "false",
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 100,
            "yarn.nodemanager.local-dirs": self.directory / "yarn-local",
            "yarn.nodemanager.log-dirs": self.directory / "yarn-logs",
            "yarn.nodemanager.delete.debug-delay-sec": 600,  # logs of containers stay for those who look for a fault
            "yarn.resourcemanager.nodemanager-connect-retries": 1,
            "yarn.resourcemanager.am.max-attempts": 2,
        }

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


def _write(path: Path, properties: Mapping[str, object]) -> None:
    members = "".join(
        f"  <property><name>{name}</name><value>{escape(str(value))}</value></property>\n"
        for name, value in properties.items()
    )
    path.write_text(f"<configuration>\n{members}</configuration>\n")

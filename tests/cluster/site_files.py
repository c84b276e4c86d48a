"""The site files of HDFS and YARN on one machine: small, on loopback, and quick to notice what is lost."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

DATANODES = ("datanode-1", "datanode-2")
OPENED = "--add-opens=java.base/java.lang=ALL-UNNAMED"
"""Guice of that time, in the interface of services and in their master, needs it on Java 17 and later."""
_LOGGING = """\
log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c{2}: %m%n
"""


_CAPACITY = "yarn.scheduler.capacity.root"
_SERVICES_QUEUE = {
    f"{_CAPACITY}.queues": "default",
    f"{_CAPACITY}.default.capacity": 100,
    # The service's master and those of jobs beside it are small; by default they may take a tenth of the queue.
    "yarn.scheduler.capacity.maximum-am-resource-percent": 0.5,
    "yarn.scheduler.capacity.resource-calculator": "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
}


def configure(directory: Path, ports: Mapping[str, int], *, services: bool = False) -> None:
    """Write the configuration into `conf` in a directory, and each DataNode's own into `conf-NAME`.

    Args:
        directory: Where everything of the cluster is.
        ports: By name: namenode, namenode-web, rm, rm-scheduler, rm-tracker, rm-admin, rm-web; zookeeper for services.
        services: Whether YARN runs services, too.

    """
    shared = directory / "conf"
    shared.mkdir(parents=True)
    hdfs = _hdfs(directory, ports)
    if services:  # packages of 200 MB are written on a machine that may be busy
        del hdfs["dfs.client.socket-timeout"]
    _write(shared / "core-site.xml", _core(directory, ports))
    _write(shared / "hdfs-site.xml", hdfs)
    _write(shared / "yarn-site.xml", _yarn(directory, ports) | (_services(ports) if services else {}))
    if services:
        (shared / "yarnservice-log4j.properties").write_text(_LOGGING)
        _write(shared / "capacity-scheduler.xml", _SERVICES_QUEUE)
    (shared / "log4j.properties").write_text(_LOGGING)
    # Their pages are in Hadoop's download only, and without a folder for them they don't start.
    for name in ("hdfs", "datanode"):
        (shared / "webapps" / name).mkdir(parents=True)
    for name in DATANODES:
        own = shutil.copytree(shared, directory / f"conf-{name}")
        _write(own / "hdfs-site.xml", hdfs | {"dfs.datanode.data.dir": str(directory / name)})


def _core(directory: Path, ports: Mapping[str, int]) -> dict[str, object]:
    return {"fs.defaultFS": f"hdfs://127.0.0.1:{ports['namenode']}", "hadoop.tmp.dir": directory / "tmp"}


def _hdfs(directory: Path, ports: Mapping[str, int]) -> dict[str, object]:
    return {
        "dfs.namenode.name.dir": directory / "namenode",
        "dfs.namenode.http-address": f"127.0.0.1:{ports['namenode-web']}",
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


def _yarn(directory: Path, ports: Mapping[str, int]) -> dict[str, object]:
    resource_manager = {"": "rm", "scheduler.": "rm-scheduler", "resource-tracker.": "rm-tracker"}
    resource_manager |= {"admin.": "rm-admin", "webapp.": "rm-web"}
    return {
        **{
            f"yarn.resourcemanager.{name}address": f"127.0.0.1:{ports[port]}" for name, port in resource_manager.items()
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
        "yarn.nodemanager.local-dirs": directory / "yarn-local",
        "yarn.nodemanager.log-dirs": directory / "yarn-logs",
        "yarn.nodemanager.delete.debug-delay-sec": 600,  # logs of containers stay for those who look for a fault
        "yarn.resourcemanager.nodemanager-connect-retries": 1,
        "yarn.resourcemanager.am.max-attempts": 2,
    }


def _services(ports: Mapping[str, int]) -> dict[str, object]:
    scheduler = "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler"
    return {
        "yarn.webapp.api-service.enable": "true",
        "hadoop.registry.zk.quorum": f"127.0.0.1:{ports['zookeeper']}",
        "yarn.resourcemanager.scheduler.class": scheduler,  # it knows queues, so that a wrong one is refused
        "yarn.resourcemanager.placement-constraints.handler": "scheduler",
        "yarn.service.am.java.opts": f"-Xmx256m {OPENED}",
        "yarn.service.am-resource.memory": 384,
        # A container is held to its memory. Without the second, what workers share with each other is counted for each.
        "yarn.nodemanager.pmem-check-enabled": "true",
        "yarn.nodemanager.container-monitor.procfs-tree.smaps-based-rss.enabled": "true",
    }


def _write(path: Path, properties: Mapping[str, object]) -> None:
    members = "".join(
        f"  <property><name>{name}</name><value>{escape(str(value))}</value></property>\n"
        for name, value in properties.items()
    )
    path.write_text(f"<configuration>\n{members}</configuration>\n")

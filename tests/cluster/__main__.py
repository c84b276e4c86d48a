"""What bin/cluster does: starts HDFS and YARN, leaves them running, and ends them."""

import argparse
import json
import shutil
import sys
from pathlib import Path

from tests.cluster.hadoop import Hadoop
from tests.cluster.jars import CannotStart, fetch_jars

DIRECTORY = Path(__file__).parents[2] / ".cluster"
STATE = DIRECTORY / "state.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/cluster", description="HDFS and YARN on this machine.")
    parser.add_argument("action", choices=("start", "status", "stop"))
    parser.add_argument("--services", action="store_true", help="start: services on YARN, too, with ZooKeeper")
    arguments = parser.parse_args()
    try:
        if arguments.action == "start":
            return start(services=arguments.services)
        return {"status": status, "stop": stop}[arguments.action]()
    except CannotStart as error:
        print(f"bin/cluster: {error}", file=sys.stderr)
        return 1


def start(*, services: bool) -> int:
    hadoop = running()
    if hadoop is not None and hadoop.services == services and all(hadoop.alive().values()):
        print("it runs already")
        return status()
    stop()
    hadoop = Hadoop(DIRECTORY, fetch_jars(services=services), services)
    try:
        hadoop.start()
    except BaseException:
        hadoop.stop()
        raise
    STATE.write_text(json.dumps({"services": services, "pids": hadoop.pids, "ports": hadoop.ports}))
    return status()


def status() -> int:
    hadoop = running()
    if hadoop is None:
        print("it does not run: bin/cluster start")
        return 1
    alive = hadoop.alive()
    for name, answer in alive.items():
        print(f"{name:16} {'runs' if answer else 'has ended: see ' + str(DIRECTORY / (name + '.log'))}")
    print(f"\nexport HADOOP_CONF_DIR={hadoop.configuration} YARN_CONF_DIR={hadoop.configuration}")
    print(f"{hadoop.url}/ is the root of HDFS; {hadoop.resource_manager}/ws/v1/cluster/apps lists applications")
    if hadoop.services:
        print(f"nlpbatch deploy yarn --yarn {hadoop.resource_manager} --directory {hadoop.url}/apps/nlpbatch …")
    return 0 if all(alive.values()) else 1


def stop() -> int:
    hadoop = running()
    if hadoop is not None:
        hadoop.stop()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    return 0


def running() -> Hadoop | None:
    """Return the one that an earlier command started."""
    if not STATE.exists():
        return None
    known = json.loads(STATE.read_text())
    services = known["services"]
    return Hadoop(DIRECTORY, fetch_jars(services=services), services, known["pids"], known["ports"])


if __name__ == "__main__":
    sys.exit(main())

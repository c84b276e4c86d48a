"""One HDFS and YARN for all tests here, and what submits to it."""

import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from nlpbatch.cli.bundle import write_bundle
from tests.cluster.hadoop import CannotStart, Hadoop, fetch_jars
from tests.fakes.bare_python import python_with

ROOT = Path(__file__).parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
INHERITED = ("PATH", "HOME", "JAVA_HOME", "LANG")
ON_NODES = ("pyspark", "py4j", "pyarrow")
ON_DRIVER = (*ON_NODES, "pandas", "numpy", "python-dateutil", "pytz", "tzdata", "six")


@pytest.fixture(scope="session")
def hadoop(tmp_path_factory):
    """Return the running daemons; without Maven the tests are skipped, under CI they fail."""
    try:
        jars = fetch_jars()
    except CannotStart as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))
    with Hadoop(tmp_path_factory.mktemp("hadoop") / "daemons", jars) as running:
        yield running


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """Return the zip for --py-files."""
    path = tmp_path_factory.mktemp("bundle") / "nlpbatch.zip"
    write_bundle(path)
    return path


@pytest.fixture(scope="session")
def node_python(tmp_path_factory):
    """Return a Python as nodes have it: without nlpbatch, which comes in the bundle."""
    return python_with(tmp_path_factory.mktemp("node"), ON_DRIVER)


@pytest.fixture(scope="session")
def yarn(hadoop, bundle, node_python):
    """Return what starts `spark-submit --master yarn` with a job script and options; a process to wait for."""

    def start(script, *options, mode="client", conf=(), files=(), log=subprocess.PIPE, **variables):
        python = str(node_python)
        settings = {
            "spark.submit.deployMode": mode,
            "spark.executor.instances": "2",
            "spark.executor.memory": "512m",
            "spark.executor.cores": "1",
            "spark.driver.memory": "700m",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
            "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
            "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*",  # on every node already
            "spark.yarn.appMasterEnv.PYSPARK_PYTHON": python,
            "spark.executorEnv.PYSPARK_PYTHON": python,
            "spark.pyspark.python": python,
            "spark.pyspark.driver.python": sys.executable if mode == "client" else python,
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            **dict(conf),
        }
        if mode == "cluster":
            del settings["spark.driver.host"]
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", "yarn", "--py-files", str(bundle)]
        command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        command += [part for file in files for part in ("--files", str(file))]
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        place = {"HADOOP_CONF_DIR": str(hadoop.configuration), "YARN_CONF_DIR": str(hadoop.configuration)}
        return subprocess.Popen(
            [*command, str(ROOT / "jobs" / script), *map(str, options)],
            env=inherited | place | {"SPARK_LOCAL_IP": "127.0.0.1"} | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start

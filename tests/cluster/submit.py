"""What submits jobs to YARN as a user would: with the bundle, and nodes whose Python knows nothing of nlpbatch."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyspark

from nlpbatch.cli.bundle import write_bundle
from tests.cluster.hadoop import Hadoop
from tests.fakes.bare_python import python_with

ROOT = Path(__file__).parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
_INHERITED = ("PATH", "HOME", "JAVA_HOME", "LANG")
_ON_NODES = ("pyspark", "py4j", "pyarrow", "pandas", "numpy", "python-dateutil", "pytz", "tzdata", "six")
"""Drivers need pandas, and in cluster mode any node may have to run one."""


@dataclass(frozen=True)
class Yarn:
    """Where jobs are submitted.

    Args:
        hadoop: The cluster.
        bundle: What `nlpbatch bundle` wrote.
        python: The Python of the nodes.

    """

    hadoop: Hadoop
    bundle: Path
    python: Path

    @classmethod
    def prepare(cls, hadoop: Hadoop, directory: Path) -> Self:
        """Return one with a bundle and a Python in a directory of its own."""
        bundle = directory / "nlpbatch.zip"
        write_bundle(bundle)
        return cls(hadoop, bundle, python_with(directory / "node", _ON_NODES))

    def submit(self, script, *options, mode="client", conf=(), files=(), log=subprocess.PIPE, **variables):
        """Start spark-submit with a job script and its options; return the process."""
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", "yarn", "--py-files", str(self.bundle)]
        settings = self._settings(mode) | dict(conf)
        command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        command += [part for file in files for part in ("--files", str(file))]
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        configuration = dict.fromkeys(("HADOOP_CONF_DIR", "YARN_CONF_DIR"), str(self.hadoop.configuration))
        return subprocess.Popen(
            [*command, str(ROOT / "jobs" / script), *map(str, options)],
            env=inherited | configuration | {"SPARK_LOCAL_IP": "127.0.0.1"} | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _settings(self, mode: str) -> dict[str, str]:
        python = str(self.python)
        return {
            "spark.submit.deployMode": mode,
            "spark.executor.instances": "2",
            "spark.executor.memory": "512m",
            "spark.executor.cores": "1",
            "spark.driver.memory": "700m",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
            "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
            **({"spark.yarn.am.extraJavaOptions": "-XX:TieredStopAtLevel=1"} if mode == "client" else {}),
            "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*",  # on every node already
            "spark.yarn.appMasterEnv.PYSPARK_PYTHON": python,
            "spark.executorEnv.PYSPARK_PYTHON": python,
            "spark.pyspark.python": python,
            "spark.pyspark.driver.python": sys.executable if mode == "client" else python,
            "spark.ui.enabled": "false",
            **({"spark.driver.host": "127.0.0.1"} if mode == "client" else {}),
        }

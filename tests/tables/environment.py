"""The environment of the tests on tables: the newest Spark that both formats have a release for, and their jars.

PySpark of the project's own environment is newer. The other packages are those of that environment.
"""

import os
import subprocess
import sys
from pathlib import Path

import pyspark

from tests.benchmarks.suite.environments import provide
from tests.cluster.jars import fetch

SPARK = "4.1"
NEEDS = ("pyspark==4.1.4", "deltalake==1.6.*", "pyiceberg==0.12.*")
ROOT = Path(__file__).parents[2]
_POM = Path(__file__).parent / "pom.xml"
_GROUPS = "io.delta,org.apache.iceberg"
# PySpark 4.1 leaves sockets of `collect` to the garbage collector.
_QUIET = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning", "-W", "ignore:unclosed:ResourceWarning")
ICEBERG = "lake"
"""The catalog of Iceberg; Delta has Spark's own."""


def is_this() -> bool:
    """Return whether this process runs in the environment."""
    return pyspark.__version__.startswith(f"{SPARK}.")


def run_pytest(*arguments: str, **settings) -> subprocess.CompletedProcess:
    """Run pytest in the environment, after making it."""
    python = provide(NEEDS, beside=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *_QUIET, *arguments]
    return subprocess.run(command, cwd=ROOT, env=inherited, check=False, **settings)


def jars() -> list[Path]:
    """Return the jars of both formats."""
    return sorted(fetch(_POM, "tables", f"-DincludeGroupIds={_GROUPS}").glob("*.jar"))


def settings(warehouse: Path) -> dict[str, str]:
    """Return what Spark needs for tables of both formats below a directory."""
    extensions = (
        "io.delta.sql.DeltaSparkSessionExtension,org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    )
    catalog = f"spark.sql.catalog.{ICEBERG}"
    return {
        "spark.jars": ",".join(map(str, jars())),
        "spark.sql.extensions": extensions,
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": str(warehouse / "delta"),
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "hadoop",
        f"{catalog}.warehouse": str(warehouse / "iceberg"),
        # Small tables: a checkpoint's partitions and a shuffle's are for large ones.
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }


def submit_options(warehouse: Path) -> list[str]:
    """Return the same as options of spark-submit."""
    return [part for name, value in settings(warehouse).items() for part in ("--conf", f"{name}={value}")]


if __name__ == "__main__":
    sys.exit(run_pytest(*(sys.argv[1:] or ["tests/tables"])).returncode)

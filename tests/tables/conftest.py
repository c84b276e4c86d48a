"""One Spark with Delta and Iceberg for all tests here; see tests/tables/environment.py for where they run."""

import json
import os
import sys
from pathlib import Path

import pytest

from nlpbatch.spark.tables.lookup import find_table
from tests.spark.conftest import options, records, scripted, source, unused_port  # noqa: F401  (fixtures)
from tests.tables import environment
from tests.tables.environment import ICEBERG

_LAUNCHER = "test_in_own_environment.py"
# In the project's own environment only the launcher is collected, in the other one all else is.
collect_ignore_glob = [] if environment.is_this() else ["test_*.py"]


def pytest_ignore_collect(collection_path):
    if collection_path.name == _LAUNCHER:
        return environment.is_this()
    return None


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory):
    """Where tables are."""
    return tmp_path_factory.mktemp("warehouse")


@pytest.fixture(scope="session")
def spark(warehouse):
    from pyspark.sql import SparkSession  # noqa: PLC0415  (as in tests/conftest.py)

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("nlpbatch tests of tables")
    for name, value in environment.settings(warehouse).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.sql(f"CREATE NAMESPACE IF NOT EXISTS {ICEBERG}.db")
    yield session
    session.stop()


def delta_log(spark, table):
    """Return the actions of each commit to a table of Delta."""
    folder = Path(find_table(spark, table).location.removeprefix("file:")) / "_delta_log"
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in sorted(folder.glob("*.json"))]


@pytest.fixture
def commits(spark, table, table_format):
    """Return how many commits added rows to the table."""

    def count():
        if table_format == "iceberg":
            spark.sql(f"REFRESH TABLE {table}")
            return spark.table(f"{table}.snapshots").where("summary['added-records'] > 0").count()
        return sum(any("add" in action for action in log) for log in delta_log(spark, table))

    return count


@pytest.fixture(params=["delta", "iceberg"])
def table_format(request):
    return request.param


@pytest.fixture
def table(table_format, tmp_path, spark):
    """Return the name of a table that isn't there yet: of a path for Delta, of a catalog for Iceberg."""
    if table_format == "delta":
        return f"delta.`{tmp_path}/tokens`"
    return f"{ICEBERG}.db.`{tmp_path.name}`"

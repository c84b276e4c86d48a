"""One Spark with Delta and Iceberg for all tests here; see tests/tables/environment.py for where they run."""

import os
import sys

import pytest

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


@pytest.fixture(params=["delta", "iceberg"])
def table_format(request):
    return request.param


@pytest.fixture
def table(table_format, tmp_path, spark):
    """Return the name of a table that isn't there yet: of a path for Delta, of a catalog for Iceberg."""
    if table_format == "delta":
        return f"delta.`{tmp_path}/tokens`"
    return f"{ICEBERG}.db.`{tmp_path.name}`"

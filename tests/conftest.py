"""Fixtures that are slow to start: one Spark, one API with proxy, for the whole run."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.serving.loop import LOOP_VARIABLE, LoopName, loop_factory
from tests.cluster.hadoop import Hadoop
from tests.cluster.jars import CannotStart, fetch_jars
from tests.cluster.submit import Yarn
from tests.fakes.no_cache import NO_CACHE

# A shared machine's pauses say nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Under nohup, or in the background of a script, these are ignored, and processes that tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

SHARING = {"chaos": "hadoop", "cluster": "hadoop", "spark": "spark"}
"""What the tests of a folder share that is slow to start; one process runs all of them, and it begins with them."""
SUBMITTING = (
    "tests/compatibility/test_oldest_and_newest.py",
    "tests/cluster/test_yarn_service.py",
    "tests/monitoring/test_dashboard.py",
    "tests/monitoring/test_traces.py",
    "tests/tables/test_in_own_environment.py",
    *(f"tests/spark/recipe/test_{name}.py" for name in ("cronjob", "recipe_alerts")),
    *(f"tests/spark/test_{name}.py" for name in ("notebook", "cluster", "submit", "demo", "doctor", "privacy")),
    "tests/docs/test_snippets.py",
)
"""Files whose tests start a Spark or a Hadoop of their own: they share none, so that any process may run them."""
ON_BOTH_LOOPS = ("test_proxy_connections", "test_proxy_queue", "test_proxy_tls", "test_proxy_upstream")
"""Files whose tests run on both event loops: they depend on how a loop reads and writes connections."""
NSMC_20K = Path(__file__).parents[2] / "shared" / "data" / "nsmc-20k.parquet"
SOME = 4_000
"""Reviews where their number isn't the point."""


def shared_by(nodeid: str) -> str | None:
    """Return what a test's folder shares, None if the test needs nothing of it."""
    file = nodeid.partition("::")[0]
    folder = file.removeprefix("tests/").partition("/")[0]
    return SHARING.get(folder) if file.startswith("tests/") and file not in SUBMITTING else None


class BySharedFixture(LoadScopeScheduling):
    """Shares tests out to processes by file; those that need the same slow thing go to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid) or nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return BySharedFixture(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that no process is left alone with it in the end."""
    order = [*dict.fromkeys(SHARING.values()), *SUBMITTING]

    def turn(item: pytest.Item) -> int:
        group = shared_by(item.nodeid) or item.nodeid.partition("::")[0]
        return order.index(group) if group in order else len(order)

    items.sort(key=turn)


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Any]:
    """Return the event loops that a test runs on: those named in the environment, if one is."""
    chosen = os.environ.get(LOOP_VARIABLE)
    every = get_args(LoopName) if item.path.stem in ON_BOTH_LOOPS else ("asyncio",)
    return {name: loop_factory(name) for name in ((chosen,) if chosen else every)}


@pytest.fixture(autouse=True)
def same_log_level() -> Iterator[None]:
    """What one test logs is no matter of the next."""
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="session")
def reviews() -> Path:
    """The 20,072 reviews; where they are absent, tests that need them are skipped, under CI they fail."""
    if not NSMC_20K.exists():
        message = f"needs the reviews at {NSMC_20K.name} in the folder shared/data beside this repository"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return NSMC_20K


@pytest.fixture(scope="session")
def some_reviews(reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 4,000 reviews."""
    file = tmp_path_factory.mktemp("reviews") / "some.parquet"
    pq.write_table(pq.read_table(reviews).slice(0, SOME), file)
    return file


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """API and proxy as their own processes, with a key."""
    with Stack(StackOptions(workers=2, server_config=NO_CACHE)) as running:
        yield running


@pytest.fixture(scope="session")
def spark():
    """One local Spark with two cores."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  (most tests need no Spark)

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .appName("nlpbatch tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.executor.heartbeatInterval", "1s")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def hadoop(tmp_path_factory):
    """HDFS and YARN; where there is no Maven, tests that need them are skipped, under CI they fail."""
    try:
        jars = fetch_jars()
    except CannotStart as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))
    with Hadoop(tmp_path_factory.mktemp("hadoop") / "daemons", jars) as running:
        yield running


@pytest.fixture(scope="session")
def yarn(hadoop, tmp_path_factory):
    """What submits to YARN."""
    return Yarn.prepare(hadoop, tmp_path_factory.mktemp("submit"))

"""The oldest Spark that is supported, with this Python; the newest is the project's own, which tests/spark has."""

import os
import sys

import pyspark
import pytest

from tests.benchmarks.suite.environments import Unavailable
from tests.compatibility.environments import NEWEST, OLDEST, SPARKS, environment
from tests.compatibility.surroundings import surroundings
from tests.compatibility.trial import try_spark

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_oldest_spark_does_what_the_newest_does():
    try:
        interpreter = environment(OLDEST, HERE)
    except Unavailable as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))
    with surroundings() as shared:
        trial = try_spark(OLDEST, HERE, interpreter, shared)
    assert trial.wrong == []
    assert trial.versions["spark"] == SPARKS[OLDEST]
    if os.environ.get("CI") == "true":
        assert all(verdict.state != "not tried" for verdict in trial.verdicts["connect"].values())


def test_the_newest_spark_is_the_projects_own():
    assert pyspark.__version__.startswith(f"{NEWEST}.")

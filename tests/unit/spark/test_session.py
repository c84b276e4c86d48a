import os
import sys
from unittest.mock import MagicMock

import pytest
from pyspark import SparkConf

from nlpbatch.spark import session


def configured(monkeypatch, **given):
    """The settings that a session is asked for, with these already set by spark-submit."""
    asked: dict[str, str] = {}

    class Builder:
        sparkContext = MagicMock()  # noqa: N815  (Spark's name)
        version = "4.3.0"

        def config(self, name, value):
            asked[name] = value
            return self

        def getOrCreate(self):  # noqa: N802  (Spark's name)
            return self

        def appName(self, _):  # noqa: N802  (Spark's name)
            return self

    conf = SparkConf(loadDefaults=False).setAll(list(given.items()))
    monkeypatch.setattr(session, "SparkConf", lambda: conf)
    monkeypatch.setattr(session.SparkSession, "builder", Builder())
    session.session("nlpbatch analyze")
    return asked


@pytest.mark.parametrize(("master", "expected"), [("local[2]", True), ("spark://host:7077", False), ("yarn", False)])
def test_only_local_workers_take_the_drivers_python(monkeypatch, master, expected):
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    configured(monkeypatch, **{"spark.master": master})
    assert (os.environ.get("PYSPARK_PYTHON") == sys.executable) is expected


def test_a_heartbeat_of_the_users_own_is_kept(monkeypatch):
    heartbeat = "spark.executor.heartbeatInterval"
    assert configured(monkeypatch)[heartbeat] == "2s"
    assert heartbeat not in configured(monkeypatch, **{heartbeat: "30s"})

"""Runs the other tests here in their environment, as one test of the project's own."""

import os
import subprocess

import pytest

from tests.benchmarks.suite.environments import Unavailable
from tests.cluster.jars import CannotStart
from tests.tables.environment import jars, run_pytest

TIMEOUT_S = 900


def test_tables_of_delta_and_iceberg():
    try:
        jars()
        done = run_pytest(
            *("-q", "tests/tables"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S
        )
    except (CannotStart, Unavailable) as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:]

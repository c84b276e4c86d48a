"""Environments of contenders that the project doesn't depend on."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.suite.environments import Unavailable, provide


def test_what_cannot_be_installed_is_left_out_with_the_reason_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"^can't be installed: No matching distribution found for ray"):
            provide(("ray[data]",))


def test_who_needs_nothing_runs_in_this_environment():
    assert provide(()) == Path(sys.executable)

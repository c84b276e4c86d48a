"""Fixtures of the engine's tests."""

import pytest

from tests.fakes.workers import FakeForkServer


@pytest.fixture
def forkserver():
    return FakeForkServer()

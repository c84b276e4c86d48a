"""The gate on virtual time."""

import asyncio
from types import SimpleNamespace

import pytest

from proxy.forwarding import gate as gate_module


@pytest.fixture
def loop_time(monkeypatch):
    """The gate's clock is the loop's."""
    now = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr(gate_module, "time", now)

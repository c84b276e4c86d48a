"""Fixtures of the client's tests."""

import pytest

from nlpbatch.client import bulk
from tests.fakes.parts import PART_DOCUMENTS
from tests.fakes.transports import Driver


@pytest.fixture(params=["sync", "async"])
def driver(request):
    return lambda *steps, **arguments: Driver(request.param, *steps, **arguments)


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of ten documents, so that a call of several parts is quick."""
    monkeypatch.setattr(bulk, "PART_DOCUMENTS", PART_DOCUMENTS)

"""Fixtures of the client's tests."""

import pytest

from tests.fakes.transports import Driver


@pytest.fixture(params=["sync", "async"])
def driver(request):
    return lambda *steps, **arguments: Driver(request.param, *steps, **arguments)

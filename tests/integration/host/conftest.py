import pytest

from tests.fakes.running_store import running_store


@pytest.fixture(autouse=True)
def store_program(tmp_path):
    """Skip without a store's program, fail so under CI."""
    with running_store(tmp_path):
        pass

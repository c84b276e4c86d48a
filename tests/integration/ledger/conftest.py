import pytest

from tests.fakes.running_store import running_store
from tests.fakes.shared_ledger import SECRET


@pytest.fixture
def redis(tmp_path):
    with running_store(tmp_path) as running:
        yield running


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    return str(file)

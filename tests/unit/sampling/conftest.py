import pyarrow.parquet as pq
import pytest

from tests.fakes.sampled import rows


@pytest.fixture
def data(tmp_path):
    """20,000 rows in four files of ten row groups."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(4):
        pq.write_table(rows(5_000, number * 5_000), folder / f"{number}.parquet", row_group_size=500)
    (folder / "_SUCCESS").touch()
    (folder / ".hidden.parquet").write_bytes(b"no")
    return folder

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="module")
def service(stack):
    return {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}


@pytest.fixture
def source(tmp_path, sample):
    path = tmp_path / "reviews.parquet"
    table = pa.table({"id": pa.array(range(len(sample)), pa.int64()), "review": sample})
    pq.write_table(table, path, row_group_size=250)
    return path


@pytest.fixture
def longer(tmp_path, some_reviews):
    """Return 4,000 reviews, which begin with the sample: they take long enough to be interrupted."""
    path = tmp_path / "reviews.parquet"
    texts = pq.read_table(some_reviews, columns=["review"]).column("review")
    pq.write_table(pa.table({"id": pa.array(range(len(texts)), pa.int64()), "review": texts}), path, row_group_size=250)
    return path

from types import SimpleNamespace

import pytest

from nlpbatch.spark.runs.sizes import Sizes
from nlpbatch.wire.limits import KIB, MIB


def source(size_bytes, columns):
    return SimpleNamespace(files={"a": size_bytes}, schema=range(columns))


@pytest.mark.parametrize(
    ("size_bytes", "columns", "batch_bytes", "task_bytes"),
    [
        (900 * KIB, 2, None, 128 * KIB),
        (64 * MIB, 2, None, 512 * KIB),
        (10_000 * MIB, 2, 1_000 * MIB, 4 * MIB),
        (900 * KIB, 3_000, None, 3_000 * 4 * KIB),
    ],
)
def test_a_task_is_small_but_has_work_for_each_column_that_it_opens(size_bytes, columns, batch_bytes, task_bytes):
    assert Sizes.choose(source(size_bytes, columns), 2, batch_bytes).task_bytes == task_bytes

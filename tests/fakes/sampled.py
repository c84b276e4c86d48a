"""Rows that samples are drawn from: their number is in each."""

import pyarrow as pa


def rows(count, start=0):
    numbers = range(start, start + count)
    return pa.table(
        {
            "id": [f"r{number}" for number in numbers],
            "review": [f"영화 {number} 재밌다" for number in numbers],
            "label": [number % 10 == 0 for number in numbers],
        }
    )

"""Dates as people write them, as periods that can be compared."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_DAY: Final = r"^\s*(\d{4}|\d{2})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?(?:[T ]+\d.*|\s*)$"
"""A day, with a time or without: 2018-05-31, 18.5.31, 2018. 5. 31., 2018년 5월 31일, 2018/05/31 10:00."""
_MONTH: Final = r"^\s*(\d{4})\s*[-./년]\s*(\d{1,2})\s*[.월]?\s*$"
_FORMATS: Final = ("%Y-%m-%d", "%y-%m-%d", "%Y-%m")
_COMPACT: Final = {14: "%Y%m%d%H%M%S", 8: "%Y%m%d", 6: "%y%m%d"}
"""By how many digits there are; strptime alone would take 180531 for the year 1805."""
_UNDERSTOOD: Final = 0.9
_MONTHS_UP_TO_YEARS: Final = 5
_YEARS: Final = (1000, 2200)
"""Others are placeholders, such as 0001-01-01 and 9999-12-31, or no years: %Y takes 18 for the year 18."""


def periods(values: pa.Array) -> pa.Array | None:
    """Return the period of each row, "2018" or "2018-05", string[n]; None if the column holds no dates.

    Years if there are more than five of them, else months.
    """
    times = _times(values)
    if times is None or times.null_count == len(times):
        return None
    span = pc.min_max(pc.year(times)).as_py()
    pattern = "%Y" if span["max"] - span["min"] >= _MONTHS_UP_TO_YEARS else "%Y-%m"
    return pc.strftime(times, format=pattern)


def _times(values: pa.Array) -> pa.Array | None:
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return _real(pc.cast(values, pa.timestamp("s"), safe=False))
    if not (
        pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_integer(values.type)
    ):
        return None
    texts = values.cast(pa.string())
    wanted = _UNDERSTOOD * (len(texts) - texts.null_count)
    # Each value may be written in another way; none is read in two.
    times = pc.coalesce(*map(_real, _read(texts)))
    return times if 0 < len(times) - times.null_count >= wanted else None


def _read(texts: pa.Array) -> Iterator[pa.Array]:
    """Yield the times by each way of writing them; null where that is another."""
    for length, pattern in _COMPACT.items():
        digits = pc.and_(pc.equal(pc.utf8_length(texts), length), pc.ascii_is_decimal(texts))
        yield pc.strptime(pc.if_else(digits, texts, None), format=pattern, unit="s", error_is_null=True)
    dates = pc.replace_substring_regex(texts, _DAY, r"\1-\2-\3")
    dates = pc.replace_substring_regex(dates, _MONTH, r"\1-\2")
    for pattern in _FORMATS:
        yield pc.strptime(dates, format=pattern, unit="s", error_is_null=True)


def _real(times: pa.Array) -> pa.Array:
    first, last = _YEARS
    year = pc.year(times)
    return pc.if_else(pc.and_(pc.greater_equal(year, first), pc.less_equal(year, last)), times, None)

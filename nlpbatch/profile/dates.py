"""Dates as people write them, as periods that can be compared."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_FORMATS: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%d", "%Y.%m.%d", "%y.%m.%d", "%Y/%m/%d")
_UNDERSTOOD: Final = 0.9
_MONTHS_UP_TO_YEARS: Final = 5
_FIRST_YEAR: Final = 1000


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
        return pc.cast(values, pa.timestamp("s"), safe=False)
    if not pa.types.is_string(values.type):
        return None
    wanted = len(values) - values.null_count
    for pattern in _FORMATS:
        found = pc.strptime(values, format=pattern, unit="s", error_is_null=True)
        understood = wanted and len(found) - found.null_count >= _UNDERSTOOD * wanted
        # %Y takes 18 for the year 18
        if understood and pc.min(pc.year(found)).as_py() >= _FIRST_YEAR:
            return found
    return None

"""CSV as every reader here takes it.

Values are quoted as RFC 4180 says: `""` within quotes is a quote, a backslash is a backslash, blanks belong to values,
and a quoted value may go over several lines. Lines without any character are no records. The separator is given, or
recognised from the first records. Names of columns follow Spark's own rule, so that what is read here and by Spark has
the same names.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

SEPARATORS: Final = (",", ";", "\t", "|")
"""Separators that are recognised, the most usual first."""
_LOOKED_AT: Final = 20
"""Records that a separator is recognised from."""

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the module's own limit of 128 KiB is less than a long document


def records(text: str, separator: str) -> Iterator[list[str]]:
    """Yield the records of a text; lines end with LF, CR LF or CR. The last one may be cut short."""
    return records_of(io.StringIO(text, newline=""), separator)


def records_of(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """Yield the records of lines, which end as they do in the file."""
    rest = iter(lines)
    unmarked = chain((line.removeprefix("\ufeff") for line in islice(rest, 1)), rest)
    return (values for values in csv.reader(unmarked, delimiter=separator) if values)


def separator_of(beginning: str) -> str:
    """Return the separator that the beginning of a file uses; a comma if it has one column.

    The header decides: a separator is possible if it parts the header into several names. Of several such separators,
    the one with which most of the first records have as many values as the header; then the usual one.
    """
    return max(SEPARATORS, key=lambda one: (*_fit(beginning, one), -SEPARATORS.index(one)))


def column_names(header: Sequence[str | None], *, null: str = "") -> list[str]:
    """Return the names that Spark gives the columns under a header, in its order.

    A column without a name is called `_c0`, `_c1`, … by its position; names that are there several times, in any case,
    get their position at the end: `n,n` is `n0,n1` (`CSVUtils.makeSafeHeader` of Spark).

    Args:
        header: The values of the first record.
        null: Spark's option `nullValue`: a name that counts as none.

    """
    counts = Counter(name.lower() for name in header if name is not None)
    return [
        f"_c{position}" if not name or name == null else f"{name}{position}" if counts[name.lower()] > 1 else name
        for position, name in enumerate(header)
    ]


def numbered_names(count: int) -> list[str]:
    """Return the names of columns of a file that has no header: `_c0`, `_c1`, …."""
    return [f"_c{position}" for position in range(count)]


def first_record(beginning: str, separator: str, *, is_all: bool) -> list[str] | None:
    """Return the first record of a file; None if it has none, or if the beginning ends before the record does.

    Args:
        beginning: Of the file, decoded.
        separator: Between values.
        is_all: Whether the beginning is the whole file.

    """
    found = list(_some(beginning, separator, 2))
    if not found or (len(found) == 1 and not is_all and not _ends_record(beginning, separator)):
        return None
    return found[0]


def _ends_record(beginning: str, separator: str) -> bool:
    """Return whether the text ends where a record does: then a record appended to it is a record of its own."""
    if not beginning.endswith(("\n", "\r")):
        return False
    return sum(1 for _ in _some(f"{beginning}x\n", separator, 2)) == 2  # noqa: PLR2004


def _some(text: str, separator: str, count: int) -> Iterator[list[str]]:
    try:
        for _, record in zip(range(count), records(text, separator), strict=False):
            yield record
    except csv.Error:
        return


def _fit(beginning: str, separator: str) -> tuple[bool, float]:
    """Return whether a separator parts the header, and the share of records with as many values as the header."""
    found = list(_some(beginning, separator, _LOOKED_AT + 1))
    if not found or len(found[0]) == 1:
        return False, 0.0
    whole = found[1:_LOOKED_AT] if len(found) <= _LOOKED_AT else found[1:]
    return True, sum(len(one) == len(found[0]) for one in whole) / len(whole) if whole else 1.0

"""Texts as pandas, polars, pyarrow and others hold them; a missing value becomes None."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

from nlpbatch.errors import InvalidRequest

_MISSING: Final = frozenset({"NAType", "MaskedConstant"})
"""Types with one value, which means "missing" (pandas.NA, numpy.ma.masked) and can't be compared with itself."""


class Texts(Protocol):
    """A known number of texts: a list, a tuple, a Series, an array."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str | None]: ...


def check_text(value: Any, position: int) -> str | None:
    """Return a text; None for a missing value: NaN, NaT, pandas.NA, a null scalar.

    Raises:
        InvalidRequest: Something else than a string.

    """
    if isinstance(value, str):
        return value if type(value) is str else str(value)
    if value is None or _is_missing(value):
        return None
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        return check_text(value.as_py(), position)
    raise InvalidRequest(
        f"text {position} is a {type(value).__name__}: give a string or None", path=f"/texts/{position}"
    )


def _is_missing(value: Any) -> bool:
    if type(value).__name__ in _MISSING:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  (so NaN is defined, in every library)
    except (TypeError, ValueError):
        return False

"""The sections of a recipe that prepare and check rows: what each option accepts, means and is if left out."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from nlpbatch.recipe.masking import KINDS
from nlpbatch.recipe.section_options import COLUMNS, SHARE
from nlpbatch.recipe.settings import TableSettings
from nlpbatch.spark.option_types import (
    FLAG,
    STRING,
    OptionType,
    columns,
    columns_fault,
    is_names,
    is_number,
    one_of,
)

UNMATCHED: Final = ("keep", "drop")
ON_BREACH: Final = ("stop", "warn")
AGAINST: Final = ("run", "neighbour")
DRIFTS: Final = ("rows", "nulls", "labels", "length")
"""What may drift between two runs; see `nlpbatch.recipe.expectations`."""
DUPLICATES: Final = ("keep", "exact", "near")
MIN_SIMILARITY: Final = 0.5
"""Below, most candidates of MinHash are none, and texts have little in common."""
_ENDS: Final = ("min", "max")


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_range(value: Any, is_end: Callable[[Any], bool]) -> bool:
    is_table = isinstance(value, Mapping) and bool(value) and set(value) <= set(_ENDS)
    return is_table and all(map(is_end, value.values())) and value.get("min", 0) <= value.get("max", value.get("min"))


def _is_table(value: Any, is_member: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(map(is_member, value.values()))


def _is_drift(value: Any) -> bool:
    return _is_table(value, lambda bound: is_number(bound) and 0 <= bound < math.inf) and set(value) <= set(DRIFTS)


_ROWS: Final = OptionType(
    lambda value: _is_range(value, _is_count), "a range of whole numbers: { min = 1_000, max = 2_000_000 }", dict
)
_NULL_SHARES: Final = OptionType(
    lambda value: _is_table(value, _is_share), "shares from 0 to 1 by column: { review = 0.01 }", dict
)
_LABEL_SHARES: Final = OptionType(
    lambda value: _is_table(value, lambda bounds: _is_range(bounds, _is_share)),
    "ranges of shares from 0 to 1 by label: { good = { min = 0.3, max = 0.6 } }",
    lambda value: {name: dict(bounds) for name, bounds in value.items()},
)
_DRIFT: Final = OptionType(
    _is_drift, f"numbers from 0 by what may drift, of {', '.join(DRIFTS)}: {{ rows = 0.5, labels = 0.1 }}", dict
)


def _is_keys(value: Any) -> bool:
    return is_names(value) or _is_table(value, lambda name: isinstance(name, str))


def _keys(value: str | list[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(value, Mapping):
        return dict(value)
    return {name: name for name in ([value] if isinstance(value, str) else value)}


_KEYS: Final = OptionType(
    _is_keys, 'columns that both have, or pairs of them: "movie_id" or { movie_id = "id" }', _keys
)


@dataclass(frozen=True, slots=True)
class JoinSettings(TableSettings):
    """A second table, of which each row gets the columns of the one row that has its key."""

    on: Annotated[Mapping[str, str], _KEYS, "Columns of the rows, and those of the joined table that they equal."] = (
        field(default_factory=dict)
    )
    columns: Annotated[tuple[str, ...] | None, COLUMNS, "Columns to take of it; all but its key if left out."] = None
    unmatched: Annotated[str, one_of(UNMATCHED), "Whether rows without a partner are kept, with null."] = "keep"


_LENGTH: Final = OptionType(
    lambda value: _is_range(value, _is_count), "a range of whole numbers: { min = 2, max = 10_000 }", dict
)
_HANGUL: Final = OptionType(lambda value: _is_range(value, _is_share), "a range of shares: { min = 0.5 }", dict)
_MASKS: Final = OptionType(
    lambda value: is_names(value) and not {*columns(value)} - {*KINDS},
    f"a list of {', '.join(KINDS)}",
    columns,
    columns_fault,
)
_SIMILARITY: Final = OptionType(
    lambda value: is_number(value) and MIN_SIMILARITY <= value <= 1, f"a number from {MIN_SIMILARITY} to 1", float
)


@dataclass(frozen=True, slots=True)
class CleanSettings:
    """What is done to texts, and which rows are left out because of their texts."""

    columns: Annotated[tuple[str, ...], COLUMNS, "Text columns; those of [analyze] if left out."] = ()
    html: Annotated[bool, FLAG, "Whether HTML is taken out."] = True
    control_characters: Annotated[bool, FLAG, "Whether control characters are taken out."] = True
    mask: Annotated[tuple[str, ...], _MASKS, "Kinds of personal numbers and addresses that are masked."] = KINDS
    length: Annotated[Mapping[str, int] | None, _LENGTH, "Fewest and most code points, without blanks around."] = None
    hangul: Annotated[Mapping[str, float] | None, _HANGUL, "Least and greatest share of Hangul among letters."] = None
    duplicates: Annotated[str, one_of(DUPLICATES), "Which are left out: exact ones, or near ones, too."] = "exact"
    similarity: Annotated[float, _SIMILARITY, "Least Jaccard index of near duplicates."] = 0.8
    first_by: Annotated[
        str | None, STRING, "Column by which the first of duplicates is kept; a hash of the row decides if left out."
    ] = None


@dataclass(frozen=True, slots=True)
class ExpectSettings:
    """What must hold of the rows before they are analysed, and of the analysis before features are made."""

    rows: Annotated[Mapping[str, int] | None, _ROWS, "Fewest and most rows."] = None
    null_share: Annotated[Mapping[str, float], _NULL_SHARES, "Greatest share of null in columns."] = field(
        default_factory=dict
    )
    label: Annotated[str | None, STRING, "Column whose values are counted for label_shares and drift."] = None
    label_shares: Annotated[Mapping[str, Mapping[str, float]], _LABEL_SHARES, "Least and greatest share of labels."] = (
        field(default_factory=dict)
    )
    drift: Annotated[Mapping[str, float], _DRIFT, "Greatest change since the last run."] = field(default_factory=dict)
    against: Annotated[
        str,
        one_of(AGAINST),
        "Whether drift is that since the last run, or since the output beside this one that is before it by name.",
    ] = "run"
    error_ratio: Annotated[float | None, SHARE, "Greatest share of analysed rows that failed."] = None
    on_breach: Annotated[str, one_of(ON_BREACH), "Whether a breach stops the recipe, or is a warning."] = "stop"

    @property
    def of_rows(self) -> bool:
        """Return whether anything is expected of the rows before they are analysed."""
        return bool(self.rows or self.null_share or self.label_shares or self.drift)

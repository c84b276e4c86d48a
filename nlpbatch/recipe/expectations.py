"""Decides whether a recipe's expectations hold, from figures of the data and those of the run before.

rows           fewest and most rows
null_share     null values of a column ÷ rows
label_shares   rows of a label ÷ rows that have one
drift.rows     change of the number of rows ÷ rows of the run before
drift.nulls    greatest change of a column's share of null
drift.labels   half the sum of the changes of all labels' shares: the share of rows that would have to change labels
drift.length   change of the mean length of the texts ÷ that of the run before
error_ratio    failed rows ÷ analysed rows
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nlpbatch.older_python import Self
from nlpbatch.recipe.preparation_settings import ExpectSettings


@dataclass(frozen=True, slots=True)
class DataFigures:
    """What is known of some rows.

    Args:
        rows: How many there are.
        nulls: Null values, by column.
        labels: Rows that have a label, by label.
        length: Mean code points of a row's texts; None without rows that have texts.

    """

    rows: int
    nulls: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    length: float | None = None

    @classmethod
    def of_record(cls, result: Mapping[str, Any]) -> Self | None:
        """Return the figures that a stage's record holds; None if it holds none."""
        figures = result.get("figures")
        return None if figures is None else cls(**figures)

    def null_share(self, column: str) -> float:
        """Return the share of null in a column; 0 without rows."""
        return self.nulls.get(column, 0) / self.rows if self.rows else 0.0

    def label_share(self, label: str) -> float:
        """Return the share of a label among the rows that have one; 0 without such rows."""
        labelled = sum(self.labels.values())
        return self.labels.get(label, 0) / labelled if labelled else 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, and what was found.

    Args:
        name: What is expected of what, such as "null_share review".
        found: The value; None if there is nothing to compare with.
        min: Its least value; None for no bound.
        max: Its greatest value; None for no bound.

    """

    name: str
    found: float | None
    min: float | None = None
    max: float | None = None

    @property
    def holds(self) -> bool:
        """Return whether the value is within its bounds; without a value there is no breach."""
        if self.found is None:
            return True
        return (self.min is None or self.found >= self.min) and (self.max is None or self.found <= self.max)

    def __str__(self) -> str:
        """Return the value and its bounds, for people."""
        if self.found is None:
            return f"{self.name}: nothing to compare with"
        bounds = [
            *(() if self.min is None else (f"at least {self.min:,}",)),
            *(() if self.max is None else (f"at most {self.max:,}",)),
        ]
        found = f"{self.found:,}" if isinstance(self.found, int) else f"{self.found:,.4g}"
        return f"{self.name} is {found}, must be {' and '.join(bounds)}"


def check_rows(
    settings: ExpectSettings, found: DataFigures, before: DataFigures | None, *, is_sample: bool
) -> list[Check]:
    """Return all checks of rows.

    Args:
        settings: What is expected.
        found: Figures of the rows.
        before: Those of the last run that passed; None if there was none.
        is_sample: Whether the rows are a sample, whose number means nothing.

    """
    return [
        *([Check("rows", found.rows, **settings.rows)] if settings.rows and not is_sample else []),
        *(Check(f"null_share {name}", found.null_share(name), max=most) for name, most in settings.null_share.items()),
        *(
            Check(f"label_shares {name}", found.label_share(name), **bounds)
            for name, bounds in settings.label_shares.items()
        ),
        *_check_drift(settings.drift, found, before),
    ]


def check_errors(settings: ExpectSettings, rows: int, dead: int) -> list[Check]:
    """Return the check of an analysis: `dead` of `rows` failed."""
    return [Check("error_ratio", dead / rows if rows else 0.0, max=settings.error_ratio)]


def _check_drift(bounds: Mapping[str, float], found: DataFigures, before: DataFigures | None) -> Iterator[Check]:
    for name, most in bounds.items():
        change = None if before is None else _CHANGES[name](found, before)
        yield Check(f"drift {name}", change, max=most)


def _relative(now: float | None, before: float | None) -> float | None:
    return None if now is None or not before else abs(now - before) / before


def _nulls(found: DataFigures, before: DataFigures) -> float:
    both = found.nulls.keys() & before.nulls.keys()
    return max((abs(found.null_share(name) - before.null_share(name)) for name in both), default=0.0)


def _labels(found: DataFigures, before: DataFigures) -> float | None:
    if not found.labels or not before.labels:
        return None
    every = found.labels.keys() | before.labels.keys()
    return sum(abs(found.label_share(name) - before.label_share(name)) for name in every) / 2


_CHANGES: Final[Mapping[str, Callable[[DataFigures, DataFigures], float | None]]] = {
    "rows": lambda found, before: _relative(found.rows, before.rows),
    "nulls": _nulls,
    "labels": _labels,
    "length": lambda found, before: _relative(found.length, before.length),
}

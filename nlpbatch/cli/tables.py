"""Tables on the terminal, or as text for other programs; no value in them is cut off."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

_UNBOUNDED: Final = 1_000_000


def print_table(table: "Table", *, min_width: int = 0) -> None:
    """Print a table: folded to the width of a terminal, and with a row on each line for everything else.

    Args:
        table: The table; escape what isn't markup.
        min_width: Width in characters below which rows wrap on the terminal instead of values in their columns.

    """
    from rich.console import Console  # noqa: PLC0415  (starts fast without the proxy extra)
    from rich.measure import Measurement  # noqa: PLC0415

    console = Console(soft_wrap=True)
    for column in table.columns:
        column.overflow = "fold"
    if not console.is_terminal:
        min_width = Measurement.get(console, console.options.update(width=_UNBOUNDED), table).maximum
    console.width = max(console.width, min_width)
    console.print(table)

"""What was assumed of files of lines, in words: people see at once that a file was taken for something else."""

from collections.abc import Iterable
from typing import Final

_NAMES: Final = {"csv": "CSV", "json": "JSON Lines", "text": "text"}


def of_lines(kind: str, encoding: str, separators: Iterable[str] = (), *, header: bool = True) -> str:
    """Return words such as "CSV in UTF-8, separated by ',', with a header".

    Args:
        kind: "csv", "json" or "text".
        encoding: As `known_encoding` returns it.
        separators: Those of CSV files; none if they aren't known.
        header: Whether the first record of each CSV file names the columns.

    """
    name = f"{_NAMES[kind]} in {encoding.upper()}"
    found = [*dict.fromkeys(separators)]
    if not found:
        return name
    return f"{name}, separated by {' and '.join(map(repr, found))}, {'with' if header else 'without'} a header"

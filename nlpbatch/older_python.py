"""What Python 3.11 added, for executors and drivers that run the bundle with Python 3.10.

The modules that `nlpbatch bundle` packs take these names from here; everything else of nlpbatch needs Python 3.11.
See docs/decisions/0056-every-spark.md.
"""

import sys

__all__ = ["Self", "Unpack", "add_note"]

if sys.version_info >= (3, 11):  # noqa: UP036  (the bundle runs on older ones than pip installs nlpbatch on)
    from typing import Self, Unpack
else:
    from typing import Any

    Self = Any

    class Unpack:
        """Stands in annotations, which nobody reads at run time."""

        def __class_getitem__(cls, _: Any) -> Any:
            return Any


def add_note(error: Exception, note: str) -> None:
    """Add a note that is printed with the error, where Python has notes."""
    if sys.version_info >= (3, 11):  # noqa: UP036  (as above)
        error.add_note(note)

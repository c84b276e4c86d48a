"""What becomes of a line that can't be parsed: a row with the line in one column, and this error."""

from typing import Final

CORRUPT: Final = "_corrupt_record"
"""Column of a line that couldn't be parsed, as Spark calls it; such rows become dead letters."""
MALFORMED: Final = "malformed_record"
"""Code of its error."""
MALFORMED_ERROR: Final = {
    "code": MALFORMED,
    "message": f"the line can't be parsed: it is in {CORRUPT}; correct it, and add it to the input in another file",
}
"""The error of a row whose line can't be parsed."""

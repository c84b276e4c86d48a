"""The remedy for an unknown name: the known one that was probably meant, or all that are known."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name, as the last part of an error message.

    Args:
        name: What was given.
        known: What could have been given, in the order in which it is listed.

    """
    known = tuple(known)
    if not known:
        return "remove it"
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"

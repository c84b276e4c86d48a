"""Times of records."""

from datetime import datetime


def moment(text: object) -> str | None:
    """Return a time of a record, None for none.

    Raises:
        ValueError: It is no time with a zone.

    """
    if text is None:
        return None
    if not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} is no time with a zone")
    return text

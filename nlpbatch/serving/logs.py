"""Structured logs: one JSON object per line on stderr. No text that was sent for analysis is ever logged."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; each entry of `extra=` becomes a member."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        members |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            members |= describe_exception(record.exc_info[1])
        return _encode(members)


def describe_exception(error: BaseException | None) -> dict[str, Any]:
    """Return type and places of an exception without its message, which may quote the text it failed on."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return {
        "exception": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }


def configure(level: str = "info") -> None:
    """Send all loggers to stderr as JSON lines, from that level up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)

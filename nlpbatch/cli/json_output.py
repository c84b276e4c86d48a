"""JSON on standard output, for programs: valid in any encoding of the terminal."""

import json
import sys
from typing import Any


def print_json(members: Any) -> None:
    """Print a JSON value, indented; with escapes if the output's encoding lacks one of its characters."""
    text = json.dumps(members, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(members, indent=2)  # escapes of Python's own, as the stream has them, needn't be JSON
    print(text)

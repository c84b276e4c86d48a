"""What the columns are called that a run adds to its rows."""

from collections.abc import Mapping, Sequence
from typing import Final

from nlpbatch.wire.options import Options

_NAMES: Final[Mapping[str, str]] = {"space": "spaced", "join": "joined", "glue": "glued"}
"""What an answer's `text` is called, by operation: `text` would be mistaken for the input's."""


def outcome_names(texts: Sequence[str], asked: Options) -> list[dict[str, str]]:
    """Return for each text column the names of what is added, by `Options.columns` and "error".

    The outcome of a single column is called `tokens` and `error`; of several `title_tokens`, `title_error`, ….
    """
    called_by = {one: _NAMES.get(asked.operation, one) if one == "text" else one for one in (*asked.columns, "error")}
    return [
        {one: called if len(texts) == 1 else f"{name}_{called}" for one, called in called_by.items()} for name in texts
    ]

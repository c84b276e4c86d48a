"""Checks that an analyzer offers what the options request, as stated on `GET /v1/analyzers`."""

from typing import Final

from nlpbatch.errors import InvalidOption
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.options.asked import Options
from nlpbatch.wire.options.table import STANDARD_DIALECT

ENABLED_DIALECTS: Final = "enabled_dialects"
"""Member of an analyzer's options: the dialects that it was loaded with."""


def check_offered(options: Options, info: AnalyzerInfo) -> None:
    """Refuse options that an analyzer would silently ignore.

    Raises:
        InvalidOption: A dialect that the analyzer was not loaded with.

    """
    enabled = (STANDARD_DIALECT, *(info.options.get(ENABLED_DIALECTS) or ()))
    for position, dialect in enumerate(options.kiwi.get("allowed_dialects") or ()):
        if dialect not in enabled:
            raise InvalidOption(
                f"allowed_dialects[{position}] is {dialect!r}, but analyzer {info.name!r} was loaded with "
                f"{', '.join(enabled)}: choose from these, or set enabled_dialects of the analyzer in the service",
                path=f"/allowed_dialects/{position}",
            )

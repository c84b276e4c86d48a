"""What the proxy has counted for a run, asked after every micro-batch."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.sync import Client
from nlpbatch.errors import NlpbatchError
from nlpbatch.spark.runs.columns import Analysis

_PATIENCE_S: Final = 5.0


class UsageCounter:
    """The last count of every proxy process that answered; there may be several behind one address."""

    def __init__(self, analysis: Analysis) -> None:
        self._settings = analysis.settings
        self._last: dict[str, Mapping[str, Any]] = {}

    def now(self) -> Sequence[Mapping[str, Any]]:
        """Return the counts, asked for anew. Nothing is worth a failure here: without an answer they are as before."""
        settings = self._settings
        with (
            suppress(NlpbatchError),
            Client(
                settings["service"], api_key=settings["api_key"], retry=RetryPolicy(patience_s=_PATIENCE_S)
            ) as client,
        ):
            usage = client.usage(settings["job"])
            self._last[usage.instance] = asdict(usage)
        return tuple(self._last.values())

"""What the proxy has counted for a run, asked after every micro-batch."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.sync import Client
from nlpbatch.errors import NlpbatchError
from nlpbatch.spark.service_call import ServiceCall

_PATIENCE_S: Final = 5.0


class UsagePoller:
    """The last count of every proxy process that answered; there may be several behind one or more addresses.

    Each time, one of them is asked. If they count together, each speaks for all. If each counts by itself, the counts
    of those that were never asked are missing.
    """

    def __init__(self, call: ServiceCall) -> None:
        self._call = call
        self._last: dict[str, Mapping[str, Any]] = {}

    def now(self) -> Sequence[Mapping[str, Any]]:
        """Return the counts as they are now; those from before if the proxy doesn't answer, without an error."""
        call, retry = self._call, RetryPolicy(patience_s=_PATIENCE_S)
        with suppress(NlpbatchError), Client(call.endpoints(), api_key=call.api_key, retry=retry) as client:
            usage = client.usage(call.job)
            self._last[usage.instance] = asdict(usage)
        return tuple(self._last.values())

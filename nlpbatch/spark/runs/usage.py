"""What the proxy has counted for a run, asked after every micro-batch.

Several proxies that share a ledger bring their counts to it several times a second. So the first answer may lack what
another proxy has just done; it says so, and the poller asks again until the ledger is complete up to the time of that
first answer. Also what a killed proxy has counted is in it, as soon as another process has found its journal.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.sync import Client
from nlpbatch.clock import Clock, SystemClock
from nlpbatch.errors import NlpbatchError
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.wire.usage import Usage

_PATIENCE_S: Final = 5.0
_PAUSE_S: Final = 0.1


class UsagePoller:
    """The last count of every ledger that answered; proxies that share nothing have one each.

    Each time, one of them is asked. If they count together, each speaks for all. If each counts by itself, the counts
    of those that were never asked are missing.

    Args:
        call: Whom to ask, and the name of the job.
        clock: Time.

    """

    def __init__(self, call: ServiceCall, clock: Clock | None = None) -> None:
        self._call = call
        self._clock = clock or SystemClock()
        self._last: dict[str, Mapping[str, Any]] = {}

    def now(self) -> Sequence[Mapping[str, Any]]:
        """Return the counts as they are now; those from before if the proxy doesn't answer, without an error."""
        call, retry = self._call, RetryPolicy(patience_s=_PATIENCE_S)
        with suppress(NlpbatchError), Client(call.endpoints(), api_key=call.api_key, retry=retry) as client:
            self._ask_until_complete(client)
        return tuple(self._last.values())

    def _ask_until_complete(self, client: Client) -> None:
        until_s = self._clock.monotonic_s() + _PATIENCE_S
        asked_at = (usage := self._ask(client)).at
        while usage.complete_until < asked_at and self._clock.monotonic_s() < until_s:
            self._clock.sleep(_PAUSE_S)
            usage = self._ask(client)

    def _ask(self, client: Client) -> Usage:
        usage = client.usage(self._call.job)
        self._last[usage.instance] = asdict(usage)
        return usage

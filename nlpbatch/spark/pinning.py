"""Which version of an analyzer a run uses, from its first request to its last."""

from nlpbatch.client.columns.pinning import Pinned, pin_with
from nlpbatch.client.sync import Client
from nlpbatch.spark.service_call import ServiceCall

__all__ = ["Pinned", "pin"]


def pin(call: ServiceCall, fingerprint: str | None = None) -> Pinned:
    """Return the analyzer of a run's requests in one version; see `pin_with` for the version and errors."""
    with Client(call.endpoints(), api_key=call.api_key, retry=call.retry) as client:
        return pin_with(client, call.asked, fingerprint)

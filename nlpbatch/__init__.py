"""Korean morphological analysis for Spark jobs and services, through one central API.

`Client` and `AsyncClient` call the service; `nlpbatch.spark.analyze` adds tokens to a DataFrame.
Names are imported on first use: an executor has urllib3 and no aiohttp, a service may have it the other way round.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlpbatch.client.aio import AsyncClient
    from nlpbatch.client.policy import RetryPolicy
    from nlpbatch.client.streams import AsyncOutcomeStream, OutcomeStream
    from nlpbatch.client.sync import Client
    from nlpbatch.errors import NlpbatchError
    from nlpbatch.wire.outcome import Analysis, DocumentError, Outcome, Token

__version__ = "1.0.0"
__all__ = [
    "Analysis",
    "AsyncClient",
    "AsyncOutcomeStream",
    "Client",
    "DocumentError",
    "NlpbatchError",
    "Outcome",
    "OutcomeStream",
    "RetryPolicy",
    "Token",
]

_HOMES = {
    "Analysis": "nlpbatch.wire.outcome",
    "AsyncClient": "nlpbatch.client.aio",
    "AsyncOutcomeStream": "nlpbatch.client.streams",
    "Client": "nlpbatch.client.sync",
    "DocumentError": "nlpbatch.wire.outcome",
    "NlpbatchError": "nlpbatch.errors",
    "Outcome": "nlpbatch.wire.outcome",
    "OutcomeStream": "nlpbatch.client.streams",
    "RetryPolicy": "nlpbatch.client.policy",
    "Token": "nlpbatch.wire.outcome",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

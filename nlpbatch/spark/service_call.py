"""How the requests of a job reach the service: one frozen value, checked once, which travels to the executors."""

import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypedDict

from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.limits import KIB, MIB
from nlpbatch.wire.options import Options

REQUEST_BYTES: Final = 64 * KIB
IN_FLIGHT: Final = 4
_MAX_REQUEST_BYTES: Final = 8 * MIB
_MAX_IN_FLIGHT: Final = 256


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """What all requests of a job have in common.

    Args:
        service: Address of the proxy, or several with commas between them.
        asked: What is asked of each text: the operation, the analyzer, the fields and all other options.
        job: Name under which the proxy counts all tasks as one.
        api_key: Bearer key, if the service wants one.
        request_bytes: UTF-8 bytes of text per request, 1 KiB to 8 MiB.
        in_flight: Most requests under way per task, 1 to 256; the proxy may advise fewer.
        retry: How long each request is retried before its task fails.
        traceparent: The header of W3C Trace Context that requests carry; see `nlpbatch.spark.tracing`.

    Raises:
        InvalidRequest: A number out of its range; all are named.

    """

    service: str
    asked: Options
    job: str
    api_key: str | None = field(default=None, repr=False)
    request_bytes: int = REQUEST_BYTES
    in_flight: int = IN_FLIGHT
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    traceparent: str | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        faults = [check_request_bytes(self.request_bytes), check_in_flight(self.in_flight)]
        if any(faults):
            raise InvalidRequest("; ".join(fault for fault in faults if fault))

    def endpoints(self) -> Endpoints:
        """Return the choice among the addresses, which all clients of this process share.

        The tasks that an executor's process runs one after another stay with one proxy, and only the first of them
        finds out that an address is dead.

        Raises:
            ConfigError: An address can't be used.

        """
        return _shared_endpoints(self.service)


class CallSettings(TypedDict, total=False):
    """Arguments of every DataFrame function that decide how the service is called, not what it is asked."""

    api_key: str | None
    job: str | None
    request_bytes: int
    in_flight: int
    retry: RetryPolicy | None


@lru_cache
def _shared_endpoints(service: str) -> Endpoints:
    return Endpoints.of(service, random.random)


def check_request_bytes(value: int) -> str | None:
    """Return what is wrong with a `request_bytes`, None if nothing is."""
    return _range_fault("request_bytes", value, KIB, _MAX_REQUEST_BYTES)


def check_in_flight(value: int) -> str | None:
    """Return what is wrong with an `in_flight`, None if nothing is."""
    return _range_fault("in_flight", value, 1, _MAX_IN_FLIGHT)


def _range_fault(name: str, value: int, minimum: int, maximum: int) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"{name} is {value!r}: give a whole number from {minimum:,} to {maximum:,}"
    if minimum <= value <= maximum:
        return None
    return f"{name} is {value:,}, must be {minimum:,} to {maximum:,}: choose a value in that range"

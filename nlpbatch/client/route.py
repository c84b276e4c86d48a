"""One request's way through the addresses of its client. Pure: time is an argument."""

from nlpbatch.client.address import ServiceAddress
from nlpbatch.client.endpoints import ChosenAddress, Endpoints, Fault, fault_of
from nlpbatch.client.failures import NotConnected
from nlpbatch.errors import Draining, NlpbatchError


class Route:
    """The addresses that one request's attempts go to; used by one caller, then thrown away.

    Args:
        endpoints: The client's choice.

    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._choice: ChosenAddress | None = None
        self._doubted: ChosenAddress | None = None
        self._failures = 0
        self._goes_on_at_once = False
        self._leaves_draining = False

    @property
    def service(self) -> str:
        """Return all addresses of the service, with commas between them."""
        return self._endpoints.service

    @property
    def goes_on_at_once(self) -> bool:
        """Return whether the next attempt may be made without waiting.

        So it is after a first attempt that found no connection, because nothing was sent, if there is another address
        that isn't in back-off. Every other attempt waits as with a single address.
        """
        return self._goes_on_at_once

    @property
    def leaves_draining(self) -> bool:
        """Return whether the next attempt goes to another address because the process at this one shuts down."""
        return self._leaves_draining

    def begin(self, now_s: float) -> ServiceAddress:
        """Return the address of the next attempt, which begins."""
        self._choice = self._endpoints.choose(now_s)
        return self._choice.address

    def answered(self, now_s: float) -> None:
        """Record that the attempt was answered."""
        if self._choice is not None:
            self._endpoints.answered(self._choice, now_s)

    def failed(self, error: NlpbatchError, now_s: float) -> bool:
        """Record the attempt's error; return whether the client moves to another address because of it."""
        choice, fault = self._choice, fault_of(error)
        self._failures += 1
        self._goes_on_at_once = self._leaves_draining = False
        if choice is None or fault is Fault.NONE:
            self.answered(now_s)
            return False
        if fault is Fault.POSSIBLE:
            if self._doubted is None or self._doubted.turn != choice.turn:
                self._doubted = choice
                return False
            choice = self._doubted  # what was answered since then speaks for the address, too
        moved = self._endpoints.failed(choice, error, now_s)
        other = self._endpoints.offers_other(choice, now_s)
        self._goes_on_at_once = other and self._failures == 1 and isinstance(error, NotConnected)
        self._leaves_draining = other and isinstance(error, Draining)
        return moved

    def other_errors(self) -> str:
        """Return the last errors of all other addresses, as the end of a message; empty if there are none."""
        here = None if self._choice is None else self._choice.address.url
        others = {url: error for url, error in self._endpoints.errors().items() if url != here}
        return "".join(f"; {url} failed last with {error.code}: {error.message}" for url, error in others.items())

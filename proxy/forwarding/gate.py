"""The asyncio side of admission: holds callers back until the traffic's decisions let them pass.

A caller that waits holds a socket, a ticket and the few KiB that have come in of its body. One that hangs up is
cancelled by the server, and leaves the queue by that.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from proxy.forwarding.refusals import refusal_error
from proxy.traffic.admission import Cause, Refuse
from proxy.traffic.controller import Dropped, Passed, Traffic
from proxy.traffic.lease import Ask, Request
from proxy.traffic.retries import Retries
from proxy.traffic.retry_budget import RetryBudget


class Gate:
    """Lets requests through to backends, as the traffic decides.

    Args:
        traffic: What decides.
        on_refused: Told the tenant and the cause of every refusal.

    """

    def __init__(self, traffic: Traffic, on_refused: Callable[[str, Cause], None]) -> None:
        self._traffic = traffic
        self._on_refused = on_refused
        self._waiting: dict[Request, asyncio.Future[Refuse | None]] = {}

    async def enter(self, ask: Ask, waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> Request:
        """Return a place at a backend, after waiting for it if need be; to be given back by `leave`.

        Args:
            ask: The request.
            waiting: Makes the context that it waits in, if it has to.

        Raises:
            NlpbatchError: Why it is refused, with the time to come back if there is one.

        """
        request = self._traffic.arrive(ask, time.monotonic())
        if isinstance(request, Refuse):
            raise self._refused(ask.tenant, request)
        passed: asyncio.Future[Refuse | None] = asyncio.get_running_loop().create_future()
        self._waiting[request] = passed
        self.pump()
        if not passed.done():
            with waiting():
                await self._wait(request, passed)
        if (refusal := passed.result()) is not None:
            raise self._refused(request.tenant, refusal)
        return request

    def leave(self, request: Request, *, failed: bool = False, learn: bool = True) -> None:
        """Give the place back and let the next one through; see `Traffic.finish`."""
        self._traffic.finish(request, time.monotonic(), failed=failed, learn=learn)
        self.pump()

    def retries(self, request: Request, budget: RetryBudget, identity: str) -> Retries:
        """Return the rules for the attempts of a request that has its slot; `pump` after each step that they take."""
        return Retries(self._traffic, budget, request, identity, time.monotonic())

    def pump(self) -> None:
        """Let through as many as have places; to be called when anything has changed."""
        while steps := self._traffic.dispatch(time.monotonic()):
            for step in steps:
                passed = self._waiting.pop(step.request)
                if not passed.done():
                    passed.set_result(step.refusal if isinstance(step, Dropped) else None)
                elif isinstance(step, Passed):  # its caller left in the same moment: the next one may have the place
                    self._traffic.finish(step.request, time.monotonic(), learn=False)

    async def _wait(self, request: Request, passed: "asyncio.Future[Refuse | None]") -> None:
        with self._given_up(request, passed):
            try:
                async with asyncio.timeout(request.max_wait_s):
                    await passed
            except TimeoutError:
                if not passed.cancelled():
                    return  # its turn came in the same moment
                refusal = self._traffic.expire(request, time.monotonic())
                raise self._refused(request.tenant, refusal) from None

    @contextmanager
    def _given_up(self, request: Request, passed: "asyncio.Future[Refuse | None]") -> Iterator[None]:
        """Leave the queue, or the place that came in the same moment as the end of the wait."""
        try:
            yield
        except BaseException:
            if self._waiting.pop(request, None) is not None:
                self._traffic.leave(request)
            elif passed.done() and not passed.cancelled() and passed.result() is None:
                self.leave(request, learn=False)
            raise

    def _refused(self, tenant: str, refusal: Refuse) -> Exception:
        self._on_refused(tenant, refusal.cause)
        return refusal_error(tenant, refusal)

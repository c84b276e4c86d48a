"""Callers of a proxy under load: jobs that keep requests under way, and people who call at a rate.

A refused caller comes back exactly when told. One whose request failed sends it again by the client's own retry policy
and retry budget.
"""

import asyncio
import random
import re
import time
from dataclasses import dataclass, field

import aiohttp

from nlpbatch.client.policy import RetryPolicy, is_doubtful, next_delay_s
from nlpbatch.client.retry_budget import RetryBudget
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM, IDEMPOTENCY_KEY, JOB, PRIORITY
from nlpbatch.wire.problem import from_answer
from proxy.keys import make_key

KEYS = {name: make_key() for name in ("a", "b", "c", "people")}
IN_FLIGHT = 2
"""Requests under way of one task, which share a retry budget."""
_POLICY = RetryPolicy()


class Retries:
    """When one request is sent again.

    Args:
        budget: Of the request's client.

    """

    def __init__(self, budget: RetryBudget) -> None:
        budget.request()
        self._budget = budget
        self._started_s = time.monotonic()
        self._attempts = self._doubtful = 0

    def delay_s(self, error: NlpbatchError) -> float | None:
        """Return the seconds until then, exactly those that the service asked for if it did; None to give up."""
        self._attempts += 1
        if error.retry_after_s is not None:
            return error.retry_after_s
        self._doubtful += is_doubtful(error)
        now_s = time.monotonic()
        return next_delay_s(
            _POLICY,
            attempt=self._attempts,
            doubtful=self._doubtful,
            elapsed_s=now_s - self._started_s,
            error=error,
            chance=random.random(),
            least_s=self._budget.take(now_s),
        )


@dataclass
class Counts:
    """What became of the requests so far."""

    done: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """Of each job: when a request was answered, and its bytes."""
    seconds: list[float] = field(default_factory=list)
    """Of each request that was answered: from its last sending to its answer."""
    statuses: dict[int, int] = field(default_factory=dict)
    failed_s: dict[str, list[float]] = field(default_factory=dict)
    """Of each tenant: when an answer was an error without a time to come back."""
    refused_s: dict[str, list[float]] = field(default_factory=dict)
    """Of each tenant: when an answer was a refusal with a time to come back."""
    given_up: dict[str, int] = field(default_factory=dict)
    back: list[bool] = field(default_factory=list)
    """Of every request that was refused once and came back as told: whether it got in."""
    waits_s: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Of each tenant: when an admitted request was sent, and how long it waited for its turn."""

    def bytes_of(self, job: str, from_s: float) -> int:
        """Return what was answered of a job since then."""
        return sum(size for at_s, size in self.done.get(job, []) if at_s >= from_s)


@dataclass
class Scene:
    """A proxy in front of replicas, and requests for it."""

    url: str
    bodies: list[bytes]
    small: bytes
    session: aiohttp.ClientSession
    counts: Counts = field(default_factory=Counts)
    number: int = 0

    async def call(
        self, tenant: str, job: str, body: bytes, *, urgency: int = 6, budget: RetryBudget | None = None
    ) -> float | None:
        """Send one request until it is answered; return the seconds of its last attempt, None if it was given up."""
        self.number += 1
        headers = {
            "Authorization": f"Bearer {KEYS[tenant][0]}",
            "Content-Type": ARROW_STREAM,
            PRIORITY: f"u={urgency}",
            IDEMPOTENCY_KEY: f"bench-{id(self)}-{self.number}",
        } | ({JOB: job} if job else {})
        retries, refused, counts = Retries(budget or RetryBudget()), 0, self.counts
        while True:
            started_s = time.monotonic()
            error = await self._send(tenant, body, headers)
            if refused == 1:
                counts.back.append(error is None)
            if error is None:
                counts.seconds.append(time.monotonic() - started_s)
                return counts.seconds[-1]
            refused += error.retry_after_s is not None
            kind = counts.failed_s if error.retry_after_s is None else counts.refused_s
            kind.setdefault(tenant, []).append(time.monotonic())
            delay_s = retries.delay_s(error)
            if delay_s is None:
                counts.given_up[tenant] = counts.given_up.get(tenant, 0) + 1
                return None
            await asyncio.sleep(delay_s)

    async def _send(self, tenant: str, body: bytes, headers: dict[str, str]) -> NlpbatchError | None:
        """Send it once; return the error that it was answered with."""
        counts, started_s = self.counts, time.monotonic()
        async with self.session.post(self.url + ANALYZE_PATH, data=body, headers=headers) as answer:
            content = await answer.read()
            timing = ",".join(answer.headers.getall("Server-Timing", ()))
        counts.statuses[answer.status] = counts.statuses.get(answer.status, 0) + 1
        if (found := re.search(r"admission;dur=([\d.]+)", timing)) is not None:
            counts.waits_s.setdefault(tenant, []).append((started_s, float(found[1]) / 1000))
        return None if answer.status == 200 else from_answer(answer.status, answer.headers, content, now_s=time.time())

    async def job(self, tenant: str, job: str, in_flight: int, until_s: float, *, finish: bool = False) -> None:
        """Keep so many requests under way; at the end break off what is under way, or let it finish."""
        counts = self.counts
        done = counts.done.setdefault(job, [])
        budgets = [RetryBudget() for _ in range(max(1, in_flight // IN_FLIGHT))]

        async def one(offset: int) -> None:
            position = offset
            while time.monotonic() < until_s:
                body = self.bodies[position % len(self.bodies)]
                if await self.call(tenant, job, body, budget=budgets[offset % len(budgets)]) is not None:
                    done.append((time.monotonic(), len(body)))
                position += in_flight

        tasks = [asyncio.create_task(one(number)) for number in range(in_flight)]
        await asyncio.sleep(until_s - time.monotonic())
        if not finish:
            for task in tasks:
                task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def people(self, per_s: float, until_s: float) -> list[float]:
        """Call at that rate; return the seconds of each."""
        tasks = []
        while time.monotonic() < until_s:
            tasks.append(asyncio.create_task(self.call("people", "", self.small, urgency=1)))
            await asyncio.sleep(1 / per_s)
        return sorted([seconds for task in tasks if (seconds := await task) is not None])


def percentile(values: list[float], part: float) -> float:
    """Return the value that so many are under.

    Raises:
        SystemExit: There are none.

    """
    if not values:
        raise SystemExit("nothing was answered in the time that is counted: give it more (--scale, --seconds)")
    return values[min(len(values) - 1, int(len(values) * part))]

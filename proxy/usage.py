"""Counts what was done for each job, so that a job can tell its useful work from what was done twice. Pure."""

from collections import OrderedDict
from http import HTTPStatus
from typing import Final

from nlpbatch.wire.usage import Usage

MOST_JOBS: Final = 4_096
"""Jobs that are remembered; of more, those are forgotten that have asked nothing for longest."""

HUNG_UP: Final = 499
"""What is written down as the status of a request whose caller has gone, as nginx does."""
_REFUSALS: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class UsageCounter:
    """The counts of all jobs of all tenants.

    Args:
        instance: Id of this process.
        started_at: When it began, ISO 8601.

    """

    def __init__(self, instance: str, started_at: str) -> None:
        self._instance = instance
        self._started_at = started_at
        self._jobs: OrderedDict[tuple[str, str], dict[str, int]] = OrderedDict()

    def of(self, tenant: str, job: str) -> Usage:
        """Return a job's counts; all are 0 if it has asked nothing yet, or not for long."""
        return Usage(self._instance, self._started_at, job, **self._jobs.get((tenant, job), {}))

    def analysed(self, tenant: str, job: str, size_bytes: int) -> None:
        """Count a request that a backend has answered, with its body's bytes."""
        self._count(tenant, job, analysed=1, analysed_bytes=size_bytes)

    def replayed(self, tenant: str, job: str, size_bytes: int) -> None:
        """Count a request that got another one's answer."""
        self._count(tenant, job, replayed=1, replayed_bytes=size_bytes)

    def ended(self, tenant: str, job: str, status: int) -> None:
        """Count how a request ended, if it was not with an answer."""
        if status == HUNG_UP:
            self._count(tenant, job, abandoned=1)
        elif status in _REFUSALS:
            self._count(tenant, job, refused=1)
        elif status >= HTTPStatus.BAD_REQUEST:
            self._count(tenant, job, failed=1)

    def _count(self, tenant: str, job: str, **added: int) -> None:
        if not job:
            return
        counts = self._jobs.setdefault((tenant, job), {})
        for name, count in added.items():
            counts[name] = counts.get(name, 0) + count
        self._jobs.move_to_end((tenant, job))
        if len(self._jobs) > MOST_JOBS:
            self._jobs.popitem(last=False)

"""A job of a simulation: tasks that keep requests under way, and take each other's place. Pure.

Each task bounds what it has under way as those of the Spark client do, by the same code.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from nlpbatch.client.columns.pacing import Pacing
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.advice import Advice
from proxy.planning.workloads import JobWork
from proxy.traffic.ticket import ClassName, Ticket


class Service(Protocol):
    """What a job calls, on the simulation's clock."""

    def call(
        self,
        tenant: str,
        job: str,
        class_name: ClassName,
        size_bytes: int,
        answered: Callable[[Ticket | None], None],
        *,
        on_retry: Callable[[NlpbatchError], None] = lambda _: None,
        home: int | None = None,
    ) -> None:
        """Send a request until it is answered or given up; `on_retry` gets the error before it is sent again."""
        ...

    def advice(self, request: Ticket) -> Advice:
        """Return what the job is advised."""
        ...

    def home(self) -> int:
        """Return the proxy that a client begins with."""
        ...

    def now_s(self) -> float:
        """Return the time."""
        ...

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen so much later."""
        ...


@dataclass(eq=False, slots=True)
class _Task:
    """One task.

    Args:
        home: The proxy that its client stays with; None if it stays with none.
        left_bytes: What it has to send yet.
        pacing: Bounds what it has under way.

    """

    home: int | None
    left_bytes: float
    pacing: Pacing
    under_way: int = 0
    ended: bool = False


class JobPlayer:
    """A job's tasks.

    Args:
        service: What they call.
        work: The job.

    """

    def __init__(self, service: Service, work: JobWork) -> None:
        self._service, self._work = service, work
        self._left_bytes = math.inf if work.size_bytes is None else work.size_bytes

    def start(self) -> None:
        """Let all tasks begin that run at a time."""
        for _ in range(self._work.tasks):
            self._begin()

    def _begin(self) -> None:
        """Begin a task; its requests come from one client."""
        work = self._work
        self._go_on(
            _Task(
                home=self._service.home() if work.stays else None,
                left_bytes=math.inf if work.task_bytes is None else work.task_bytes,
                pacing=Pacing(work.in_flight, work.request_bytes),
            )
        )

    def _go_on(self, task: _Task) -> None:
        """Send as much as the task may have under way; another one takes its place when it has ended."""
        work = self._work
        if work.end_s is not None and self._service.now_s() >= work.end_s:
            return
        while min(self._left_bytes, task.left_bytes) > 0 and task.pacing.has_room(
            task.under_way, task.under_way * work.request_bytes
        ):
            task.under_way += 1
            task.left_bytes -= work.request_bytes
            self._left_bytes -= work.request_bytes
            answered, on_retry = partial(self._answered, task), partial(self._failed, task)
            self._service.call(
                work.tenant, work.name, "batch", work.request_bytes, answered, on_retry=on_retry, home=task.home
            )
        if task.left_bytes <= 0 and not task.under_way and not task.ended:
            task.ended = True
            self._service.after(work.task_gap_s, self._begin)

    def _answered(self, task: _Task, request: Ticket | None) -> None:
        task.under_way -= 1
        if request is not None and self._work.follows_advice:
            task.pacing.advised(self._service.advice(request), self._service.now_s())
        self._service.after(self._work.think_s, partial(self._go_on, task))

    def _failed(self, task: _Task, error: NlpbatchError) -> None:
        if self._work.follows_advice:
            task.pacing.refused(error, self._service.now_s())

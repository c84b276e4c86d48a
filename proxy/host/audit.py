"""The supervisor's part in the audit log: it records each order once, and a worker brings the entry to the journal."""

import json
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from proxy.host.workers import Reply, WorkerRequest
from proxy.operating.audit import Recorder
from proxy.shared.store import StoreAway

ENTRIES_PATH: Final = "/audit"
"""Where a worker takes entries over."""


class WorkersOutlet:
    """Gives entries to one of the workers.

    Args:
        ask_one: Asks any worker; None if none answers.

    """

    def __init__(self, ask_one: Callable[[WorkerRequest], Awaitable[Reply | None]]) -> None:
        self._ask_one = ask_one

    async def append(self, texts: Sequence[str]) -> None:
        """Have a worker take these over.

        Raises:
            StoreAway: None has; they may be given again, since each has an id.

        """
        reply = await self._ask_one(WorkerRequest("POST", ENTRIES_PATH, json.dumps(texts).encode()))
        if reply is None or not reply.is_success:
            raise StoreAway


class HostAudit(Recorder):
    """The audit log of a host's supervisor.

    Args:
        ask_one: As for `WorkersOutlet`.

    """

    def __init__(self, ask_one: Callable[[WorkerRequest], Awaitable[Reply | None]]) -> None:
        super().__init__(f"{socket.gethostname()}:{os.getpid()}", uuid.uuid4().hex, time.time)
        self.journal = WorkersOutlet(ask_one)

    async def send_if_possible(self) -> None:
        """Give a worker the entries that wait; if none takes them now, they wait for the next call."""
        with suppress(StoreAway):
            await self.send()

"""What a change of limits would do: who gains and loses, and the last ten minutes' load played with and without it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nlpbatch.errors import InternalError, InvalidRequest, NoCapacity
from proxy.config import ProxySettings
from proxy.console.play import LONGEST_S
from proxy.console.recorded import Recorded, recorded
from proxy.planning.check import warnings
from proxy.planning.diff import changes
from proxy.planning.proposal import proposed, read_edits, to_toml
from proxy.recent import Slice

_AGAIN_S: Final = 2.0
_RELOAD: Final = "put the lines into proxy.toml: the proxy takes the file over within a second, or at kill -HUP {pid}"


class WhatIf:
    """Answers one question at a time, so that it never takes more than one core. Needs a running event loop.

    Args:
        pid: The process that takes the configuration file over.

    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._busy = asyncio.Lock()

    async def ask(
        self, members: Any, settings: ProxySettings, slices: Sequence[Slice], backends: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return what the edits in a request would do, as JSON members.

        Args:
            members: The request's JSON, see `planning.proposal.read_edits`.
            settings: The configuration in force.
            slices: What was recorded.
            backends: What `/state` tells of each.

        Raises:
            InvalidRequest: The edits can't be made.
            NoCapacity: Another question is being answered, or the answer would take too long.

        """
        edits = read_edits(members, settings)
        after = proposed(settings, edits)
        before = warnings(settings)
        answer: dict[str, Any] = {
            "toml": to_toml(edits),
            "how": _RELOAD.format(pid=self._pid),
            "changes": [
                {"who": one.who, "what": one.what, "before": one.before, "after": one.after, "effect": one.effect}
                for one in changes(settings, after)
            ],
            "warnings": [one for one in warnings(after) if one not in before],
        }
        try:
            workers = [backend["workers"] for backend in backends if backend["ready"]]
            load = await asyncio.to_thread(recorded, slices, workers, frozenset(settings.tenants))
        except InvalidRequest as error:
            return answer | {"simulation": None, "why_not": error.message}
        if self._busy.locked():
            raise NoCapacity("another change is being simulated: ask again when it is done", retry_after_s=_AGAIN_S)
        async with self._busy:
            return answer | {"simulation": await _simulate(load, settings, after), "why_not": None}


async def _simulate(load: Recorded, before: ProxySettings, after: ProxySettings) -> dict[str, Any]:
    job = {
        "workload": load.workload.model_dump(mode="json"),
        "before": before.model_dump(mode="json"),
        "after": after.model_dump(mode="json"),
    }
    played = await _play(json.dumps(job).encode())
    for name in ("before", "after"):
        for its in played[name]["tenants"].values():
            by_job = its["jobs_bytes_per_s"]
            its["jobs_bytes_per_s"] = {load.jobs.get(job, job): rate for job, rate in by_job.items()}
    return {"model": load.model(), "measured": load.measured, **played}


async def _play(job: bytes) -> dict[str, Any]:
    """Return what `play` says of a job, in a process of its own: the event loop serves requests meanwhile."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy.console.play", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            said, complaint = await child.communicate(job)
    except TimeoutError:
        raise NoCapacity(
            f"the simulation took over {LONGEST_S} s: this host has no core to spare for it, ask again later",
            retry_after_s=_AGAIN_S,
        ) from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode:
        lines = complaint.decode("utf-8", "replace").splitlines()
        raise InternalError(f"the simulation failed: {lines[-1] if lines else f'exit code {child.returncode}'}")
    found: dict[str, Any] = json.loads(said)
    return found

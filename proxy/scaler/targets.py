"""What a scaler can change: anything by a command, or nothing; `yarn` has a component of a YARN service."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import urllib3

from nlpbatch.errors import ConfigError, ServiceUnreachable
from nlpbatch.serving.admin_pool import admin_pool

COMMAND_TIMEOUT_S: Final = 30.0
"""How long a command may take."""
_SHOWN: Final = 300
_WHICH: Final = "is it the admin listener of a proxy of this version?"


class NotApplied(Exception):
    """A change that was not made, or of which it isn't known; the message says why, for the log."""


@dataclass(frozen=True, slots=True)
class Units:
    """What there is at a target.

    Args:
        asked: Units (containers, replicas) that it was asked for; None if it can't say.
        pending: Those of them that it has not started yet.

    """

    asked: int | None
    pending: int = 0


class Target(Protocol):
    """Something that can be asked for a number of units."""

    @property
    def leaving(self) -> int:
        """Return how many units were asked to go and are still there, beside those that count."""
        ...

    async def now(self) -> Units:
        """Return what there is.

        Raises:
            NotApplied: It can't be found out.

        """
        ...

    async def apply(self, units: int) -> None:
        """Ask for so many.

        Raises:
            NotApplied: It refused, or didn't answer.

        """
        ...


class NoTarget:
    """Changes nothing: what would be done is only logged."""

    leaving = 0

    async def now(self) -> Units:
        """Return that nothing is known."""
        return Units(None)

    async def apply(self, units: int) -> None:
        """Do nothing."""


class CommandTarget:
    """Runs a command for each change, without a shell.

    Args:
        command: Program and arguments; `{units}` and `{workers}` in them are replaced by the numbers.
        workers_per_unit: Workers that a unit has.

    Raises:
        ConfigError: Neither is in it.

    """

    leaving = 0

    def __init__(self, command: Sequence[str], workers_per_unit: int) -> None:
        if not any("{units}" in part or "{workers}" in part for part in command):
            raise ConfigError(
                f"the command {' '.join(command)[:_SHOWN]!r} has no number in it: write {{units}} where that of the "
                "units belongs, or {workers} for that of the workers"
            )
        self._command = command
        self._workers_per_unit = workers_per_unit

    async def now(self) -> Units:
        """Return that nothing is known."""
        return Units(None)

    async def apply(self, units: int) -> None:
        """Run the command, and wait for its end.

        Raises:
            NotApplied: It can't be run, ends with another code than 0, or takes longer than 30 s.

        """
        numbers = {"{units}": str(units), "{workers}": str(units * self._workers_per_unit)}
        command = [_filled(part, numbers) for part in self._command]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise NotApplied(f"{command[0]} can't be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                _, said = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise NotApplied(f"{command[0]} took longer than {COMMAND_TIMEOUT_S:g} s and was killed") from None
        if process.returncode:
            words = " ".join(said.decode(errors="replace").split())[-_SHOWN:]
            raise NotApplied(f"{command[0]} ended with {process.returncode}: {words or 'it said nothing'}")


@dataclass(frozen=True, slots=True)
class Registered:
    """An API that is registered at the proxies.

    Args:
        url: Its address.
        leaving: Whether it stays for runs only that no other one can answer.

    """

    url: str
    leaving: bool


def read_state(admins: Sequence[str]) -> dict[str, Any]:
    """Return what the first of these proxies that knows says of scaling.

    Args:
        admins: Addresses of admin listeners.

    Raises:
        ServiceUnreachable: None answers, is a proxy that says so, or has run for long enough to know.

    """
    faults: list[str] = []
    for admin, state in _states(admins, faults):
        try:
            scaling: dict[str, Any] = state["scaling"]
            wanted = scaling["wanted_workers"]
        except (KeyError, TypeError):
            faults.append(f"{admin} says nothing of scaling: {_WHICH}")
            continue
        if wanted is not None:
            return scaling
        faults.append(f"{admin} doesn't know yet: {scaling.get('reason')}")
    raise ServiceUnreachable("; ".join(faults))


def read_registered(admins: Sequence[str]) -> dict[str, Registered]:
    """Return what is registered at any of these proxies, by name; those without a name are left out.

    All are asked, for proxies without a shared store have registrations of their own each.

    Args:
        admins: Addresses of admin listeners.

    Raises:
        ServiceUnreachable: None answers, or is a proxy of this version.

    """
    faults: list[str] = []
    found: dict[str, Registered] = {}
    answered = False
    for admin, state in _states(admins, faults):
        try:
            known = {one["name"]: Registered(one["url"], one["leaving"]) for one in state["registrations"]}
        except (KeyError, TypeError):
            faults.append(f"{admin} says nothing of registrations: {_WHICH}")
            continue
        answered = True
        # Where proxies differ, it leaves only once all know it.
        found = known | found | {name: one for name, one in known.items() if not one.leaving}
    if not answered:
        raise ServiceUnreachable("; ".join(faults))
    return {name: one for name, one in found.items() if name}


def _states(admins: Sequence[str], faults: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield what each proxy says of itself; those that don't are added to `faults`."""
    http = admin_pool(5.0)
    for admin in admins:
        try:
            yield admin, json.loads(http.request("GET", f"{admin.rstrip('/')}/state").data)
        except urllib3.exceptions.HTTPError as error:
            faults.append(f"{admin} doesn't answer ({type(error).__name__})")
        except ValueError:
            faults.append(f"{admin} says nothing of its state: {_WHICH}")


def _filled(part: str, numbers: Mapping[str, str]) -> str:
    for name, number in numbers.items():
        part = part.replace(name, number)
    return part

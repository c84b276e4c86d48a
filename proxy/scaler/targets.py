"""What a scaler can change: a component of a YARN service, anything by a command, or nothing."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import urllib3

from nlpbatch.errors import ConfigError, ServiceUnreachable

_TIMEOUT_S: Final = 10.0
COMMAND_TIMEOUT_S: Final = 30.0
"""How long a command may take."""
_SHOWN: Final = 300


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


class YarnTarget:
    """A component of a service on YARN, by the REST interface of the ResourceManager's services.

    Args:
        address: The ResourceManager's web address.
        service: Name of the service.
        component: Its component whose containers are scaled.
        user: Who asks, where YARN takes the word for it (`simple` authentication).

    """

    def __init__(self, address: str, service: str, component: str, user: str | None) -> None:
        self._service, self._component = service, component
        self._base = f"{address.rstrip('/')}/app/v1/services/{quote(service, safe='')}"
        self._query = f"?{urlencode({'user.name': user})}" if user else ""
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT_S)

    async def now(self) -> Units:
        """Return the containers that it was asked for, and how many of them aren't running.

        Raises:
            NotApplied: YARN doesn't answer, or has no such service or component.

        """
        found = await self._ask("GET", self._base)
        component = next((one for one in found.get("components", []) if one.get("name") == self._component), None)
        if component is None:
            names = ", ".join(str(one.get("name")) for one in found.get("components", [])) or "none"
            raise NotApplied(
                f"service {self._service!r} ({found.get('state', 'unknown')}) has no component {self._component!r}: "
                f"choose from {names} with --component"
            )
        asked = int(component.get("number_of_containers", 0))
        running = len(component.get("containers") or ())
        return Units(asked, max(0, asked - running))

    async def apply(self, units: int) -> None:
        """Ask YARN for so many containers.

        Raises:
            NotApplied: It refuses, or doesn't answer.

        """
        url = f"{self._base}/components/{quote(self._component, safe='')}"
        await self._ask("PUT", url, {"name": self._component, "number_of_containers": units})

    async def _ask(self, method: str, url: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(self._request, method, url, members)

    def _request(self, method: str, url: str, members: Mapping[str, Any] | None) -> dict[str, Any]:
        body = None if members is None else json.dumps(members).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            answer = self._http.request(method, url + self._query, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise NotApplied(f"YARN doesn't answer at {url} ({type(error).__name__}): check --yarn") from error
        if answer.status >= 400:  # noqa: PLR2004
            words = " ".join(answer.data.decode(errors="replace").split())[:_SHOWN]
            remedy = (
                "no such service, or the services API is off: check --service, set yarn.webapp.api-service.enable"
                if answer.status == 404  # noqa: PLR2004
                else "see the ResourceManager's log"
            )
            raise NotApplied(f"YARN answered {method} {url} with HTTP {answer.status} ({words}): {remedy}")
        try:
            found = json.loads(answer.data or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise NotApplied(f"{url} is no services API of YARN: check --yarn")
        return found


def read_state(admins: Sequence[str]) -> dict[str, Any]:
    """Return what the first of these proxies that knows says of scaling.

    Args:
        admins: Addresses of admin listeners.

    Raises:
        ServiceUnreachable: None answers, is a proxy that says so, or has run for long enough to know.

    """
    faults = []
    http = urllib3.PoolManager(retries=False, timeout=5.0)
    for admin in admins:
        try:
            answer = http.request("GET", f"{admin.rstrip('/')}/state")
            scaling: dict[str, Any] = json.loads(answer.data)["scaling"]
        except urllib3.exceptions.HTTPError as error:
            faults.append(f"{admin} doesn't answer ({type(error).__name__})")
        except (ValueError, KeyError, TypeError):
            faults.append(f"{admin} says nothing of scaling: is it the admin listener of a proxy of this version?")
        else:
            if scaling.get("wanted_workers") is not None:
                return scaling
            faults.append(f"{admin} doesn't know yet: {scaling.get('reason')}")
    raise ServiceUnreachable("; ".join(faults))


def _filled(part: str, numbers: Mapping[str, str]) -> str:
    for name, number in numbers.items():
        part = part.replace(name, number)
    return part

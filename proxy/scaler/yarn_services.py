"""The ResourceManager's REST interfaces: services (`/app/v1/services`), containers and applications (`/ws/v1`)."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3

_TIMEOUT_S: Final = 10.0
_SHOWN: Final = 300
_NOT_FOUND: Final = 404
_REDIRECTS: Final = (302, 307, 308)


class YarnFault(Exception):
    """YARN refused, or didn't answer; the message says why, with the remedy.

    Args:
        message: What is wrong.
        status: YARN's HTTP status; None if it didn't answer.
        no_service: Whether it has no service of that name.

    """

    def __init__(self, message: str, status: int | None = None, *, no_service: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.no_service = no_service


@dataclass(frozen=True, slots=True)
class Container:
    """A container that a component has, running or about to.

    Args:
        id: YARN's, new each time that one is started.
        instance: Its place in the component, such as `api-2`.
        host: Name of its node.
        address: IP address of its node; None as long as YARN doesn't say it.
        ready: Whether its readiness check has succeeded.

    """

    id: str
    instance: str
    host: str
    address: str | None
    ready: bool

    @property
    def number(self) -> int:
        """Return the number of its place: those that came last have the greatest."""
        return int(self.instance.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Component:
    """What YARN says of a component.

    Args:
        asked: Containers that it was asked for.
        containers: Those that were given to it.
        removed: Instances that were taken away by name; YARN doesn't use their names again.

    """

    asked: int
    containers: Sequence[Container]
    removed: Sequence[str] = ()

    @property
    def pending(self) -> int:
        """Return how many wait for room in the cluster."""
        return max(0, self.asked - len(self.containers))

    @property
    def pending_are_last(self) -> bool:
        """Return whether those that wait are sure to have greater numbers than those that run."""
        known = {one.number for one in self.containers} | {int(name.rpartition("-")[2]) for name in self.removed}
        return all(number in known for number in range(max((one.number for one in self.containers), default=-1)))


class YarnServices:
    """Asks one ResourceManager; calls wait for its answer.

    Args:
        address: Its web address.
        user: Who asks, where YARN takes the word for it (`simple` authentication).

    """

    def __init__(self, address: str, user: str | None) -> None:
        self.address = address.rstrip("/")
        self._query = f"?{urlencode({'user.name': user})}" if user else ""
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT_S)

    def create(self, specification: Mapping[str, Any]) -> None:
        """Have a service run; that YARN accepts it says nothing of whether it will.

        Raises:
            YarnFault: It refused, or didn't answer.

        """
        self._ask("POST", "/app/v1/services", specification)

    def service(self, name: str) -> dict[str, Any]:
        """Return what YARN says of a service.

        Raises:
            YarnFault: It has none of that name, or didn't answer.

        """
        return self._ask("GET", _service(name))

    def component(self, service: str, name: str) -> Component:
        """Return what YARN says of a component of a service.

        Raises:
            YarnFault: There is none, or YARN didn't answer.

        """
        said = self.service(service)
        found = next((one for one in said.get("components", []) if one.get("name") == name), None)
        if found is None:
            names = ", ".join(str(one.get("name")) for one in said.get("components", [])) or "none"
            raise YarnFault(
                f"service {service!r} ({said.get('state', 'unknown')}) has no component {name!r}: "
                f"choose from {names} with --component"
            )
        return component_of(found)

    def resize(self, service: str, component: str, containers: int) -> None:
        """Ask for so many containers; YARN ends the last ones at once where these are too many.

        Raises:
            YarnFault: It refused, or didn't answer.

        """
        path = f"{_service(service)}/components/{quote(component, safe='')}"
        self._ask("PUT", path, {"name": component, "number_of_containers": containers})

    def remove(self, service: str, component: str, instances: Sequence[str]) -> None:
        """End these containers, and ask for as many fewer.

        Raises:
            YarnFault: It refused, or didn't answer.

        """
        members = {"name": component, "decommissioned_instances": list(instances)}
        self._ask("PUT", _service(service), {"name": service, "components": [members]})

    def terminate(self, container: str) -> None:
        """Have SIGTERM sent to a container's processes; YARN starts another in its place when it has ended.

        Raises:
            YarnFault: It refused, or didn't answer.

        """
        self._ask("POST", f"/ws/v1/cluster/containers/{quote(container, safe='')}/signal/GRACEFUL_SHUTDOWN")

    def destroy(self, service: str) -> None:
        """End a service and forget it.

        Raises:
            YarnFault: It refused, or didn't answer.

        """
        self._ask("DELETE", _service(service))

    def diagnostics(self, application: str) -> str:
        """Return what YARN says of why an application isn't there, as one line; '' if it says nothing.

        Raises:
            YarnFault: It didn't answer.

        """
        found = self._ask("GET", f"/ws/v1/cluster/apps/{quote(application, safe='')}").get("app", {})
        return _line(str(found.get("diagnostics", "")))

    def end_of_log(self, container: Container, file: str) -> str:
        """Return the end of a file that a container logged, as one line; '' if its node doesn't say it."""
        try:
            nodes = (self._ask("GET", "/ws/v1/cluster/nodes").get("nodes") or {}).get("node", [])
            node = next(one["nodeHTTPAddress"] for one in nodes if one["nodeHostName"] == container.host)
            url = f"http://{node}/ws/v1/node/containers/{container.id}/logs/{file}?size=-2000"
            answer = self._http.request("GET", url)
        except (YarnFault, urllib3.exceptions.HTTPError, LookupError, TypeError, StopIteration):
            return ""
        if answer.status >= 400:  # noqa: PLR2004
            return ""
        text = answer.data.decode(errors="replace")
        return _line(text.rpartition("LogContents:")[2].partition("End of LogType:")[0], last=True)

    def _ask(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = self.address + path
        body = None if members is None else json.dumps(members).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            answer = self._http.request(method, url + self._query, body=body, headers=headers)
            active = answer.headers.get("Location")
            if answer.status in _REDIRECTS and active:  # the ResourceManager that stands by names the active one
                answer = self._http.request(method, active, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise YarnFault(f"YARN doesn't answer at {url} ({type(error).__name__}): check --yarn") from error
        if answer.status >= 400:  # noqa: PLR2004
            raise _refusal(method, url, answer)
        try:
            found = json.loads(answer.data or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise YarnFault(f"{url} is no interface of YARN: check --yarn")
        return found


def component_of(members: Mapping[str, Any]) -> Component:
    """Return a component as YARN's answer has it."""
    containers = [
        Container(
            str(one.get("id")),
            str(one.get("component_instance_name", "")),
            str(one.get("bare_host", "")),
            one.get("ip"),
            one.get("state") == "READY",
        )
        for one in members.get("containers") or ()
    ]
    removed = [str(one) for one in members.get("decommissioned_instances") or ()]
    return Component(int(members.get("number_of_containers", 0)), containers, removed)


def _service(name: str) -> str:
    return f"/app/v1/services/{quote(name, safe='')}"


def _refusal(method: str, url: str, answer: urllib3.BaseHTTPResponse) -> YarnFault:
    words, said = answer.data.decode(errors="replace"), False
    with suppress(ValueError, LookupError, TypeError):
        words, said = str(json.loads(words)["diagnostics"]), True
    remedy = "see the ResourceManager's log"
    if answer.status == _NOT_FOUND:
        remedy = "check --service" if said else "set yarn.webapp.api-service.enable there, or check --yarn"
    elif said:
        remedy = "mend what it names"
    message = f"YARN answered {method} {url} with HTTP {answer.status} ({_line(words)}): {remedy}"
    return YarnFault(message, answer.status, no_service=said and answer.status == _NOT_FOUND)


def _line(words: str, *, last: bool = False) -> str:
    words = " ".join(words.split())
    return words[-_SHOWN:] if last else words[:_SHOWN]

"""Has a service run on YARN, and waits until it does.

files ──> HDFS ──> YARN accepts the service ──> its master starts ──> containers run ──> the proxies are ready
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from nlpbatch.deploy.specification import API, LOG, PROXY, Places, ServiceOptions, specification
from nlpbatch.errors import ConfigError, ServiceUnreachable
from nlpbatch.serving.registered import PATH
from proxy.scaler.yarn_services import Container, YarnFault, YarnServices, component_of

_LOOK_S: Final = 1.0
_NOTHING_TO_REGISTER: Final = 400
_STARTS: Final = 3
"""A container that was started so often, and was never ready, won't be."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A service that runs.

    Args:
        application: YARN's id of it.
        apis: Addresses of the nodes with its API containers.
        proxies: Where its own proxies and those named answer callers.

    """

    application: str
    apis: list[str]
    proxies: list[str]


class Deployment:
    """One service on YARN.

    Args:
        services: Asks YARN.
        options: What is wanted.
        secret: What the APIs register with.
        say: Is given a line for the user at each step.

    """

    def __init__(
        self, services: YarnServices, options: ServiceOptions, secret: str, say: Callable[[str], None]
    ) -> None:
        self._services, self._options, self._secret, self._say = services, options, secret, say
        self._started: dict[str, dict[str, Container]] = defaultdict(dict)

    def check(self) -> None:
        """Look whether YARN runs services and has none of that name, and whether the proxies would take the APIs.

        Raises:
            ConfigError: YARN runs none, or has one; or a proxy has registration off, or another secret.
            ServiceUnreachable: YARN or a proxy doesn't answer.

        """
        for url in self._options.proxies:
            _check_proxy(url, self._secret)
        with told():
            try:
                self._services.service(self._options.name)
            except YarnFault as error:
                if error.no_service:
                    return
                raise
        raise ConfigError(
            f"a service {self._options.name!r} is there already: choose another name with --service, and let the "
            "old one go with --remove when the new one is ready"
        )

    def submit(self, places: Places) -> None:
        """Hand the service over to YARN.

        Raises:
            ConfigError: YARN refuses it, for there is no such queue, say, or no node has as much memory.
            ServiceUnreachable: YARN doesn't answer.

        """
        with told():
            self._services.create(specification(self._options, places))

    def wait(self, timeout_s: float) -> Deployed:
        """Return when all containers run and every proxy has a backend.

        Raises:
            ConfigError: It ended, or its containers end again and again; the message has the end of their log.
            ServiceUnreachable: It isn't there in time; it goes on starting.

        """
        until_s = time.monotonic() + timeout_s
        said = ""
        while True:
            with told():
                found = self._services.service(self._options.name)
            missing, deployed = self._look(found)
            if not missing:
                return deployed
            if missing != said:
                self._say(missing)
                said = missing
            if time.monotonic() > until_s:
                raise ServiceUnreachable(
                    f"after {timeout_s:g} s {missing}; the service stays and goes on: see it with "
                    f"{self._services.address}/app/v1/services/{self._options.name}, wait longer with --timeout"
                )
            time.sleep(_LOOK_S)

    def _look(self, found: dict[str, Any]) -> tuple[str, Deployed]:
        """Return what is still missing, '' for nothing, and what is there."""
        application = str(found.get("id"))
        if found.get("state") in {"FAILED", "STOPPED"}:
            with told():
                reason = self._services.diagnostics(application)
            raise ConfigError(
                f"service {self._options.name!r} has ended ({application}): {reason or 'YARN says no more'}"
            )
        apis: list[str] = []
        proxies = list(self._options.proxies)
        missing = ""
        wanted = {PROXY: self._options.own_proxies} if self._options.own_proxies else {}
        for name, count in (wanted | {API: self._options.containers}).items():
            containers = self._containers(found, name)
            ready = [one.address or one.host for one in containers if one.ready]
            missing = missing or self._lack(name, len(ready), count, len(containers))
            if name == PROXY:
                proxies += [f"http://{one}:{self._options.proxy_port}" for one in ready]
            else:
                apis = ready
        for url in proxies if not missing else ():
            known = self._ready_at(url)
            if waiting := [one.instance for one in self._containers(found, API) if one.ready and one.id not in known]:
                missing = f"{', '.join(waiting)}: not registered and ready yet at {url}"
                break
        return missing, Deployed(application, apis, proxies)

    def _ready_at(self, proxy: str) -> set[str]:
        """Return the names of the APIs that a proxy would send requests; none if it doesn't answer."""
        headers = {"Authorization": f"Bearer {self._secret}"}
        try:
            with urllib3.PoolManager(retries=False, timeout=5.0) as http:
                answer = http.request("GET", f"{proxy}{PATH}", headers=headers)
            return {str(one["name"]) for one in answer.json()["registrations"] if one["ready"]}
        except (urllib3.exceptions.HTTPError, ValueError, LookupError, TypeError):
            return set()

    def _lack(self, name: str, ready: int, wanted: int, given: int) -> str:
        if ready >= wanted:
            return ""
        there = f"{ready} of {wanted} containers of {name!r} run"
        if given < wanted:
            cores, mib = self._options.workers, self._options.api_mib
            need = f"{cores} core{'s' * (cores > 1)} and {mib:,} MiB each" if name == API else "a core each"
            return f"{there}: YARN starts the others when there is room for {need}"
        return there

    def _containers(self, found: dict[str, Any], name: str) -> list[Container]:
        members: dict[str, Any] = next((one for one in found.get("components", ()) if one.get("name") == name), {})
        containers = list(component_of(members).containers)
        for one in containers:
            starts = self._started[one.instance]
            starts[one.id] = one
            if len(starts) > _STARTS and not one.ready:
                last = list(starts.values())[-2]
                log = self._services.end_of_log(last, LOG)
                raise ConfigError(
                    f"{one.instance} ends again and again; its log ends with: {log or '(its node does not say)'}; "
                    "YARN goes on starting it: mend it, and end the service with nlpbatch deploy yarn --remove"
                )
        return containers


def _check_proxy(proxy: str, secret: str) -> None:
    """Register nothing at a proxy: it refuses that otherwise if it would take something."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        with urllib3.PoolManager(retries=False, timeout=5.0) as http:
            answer = http.request("PUT", f"{proxy.rstrip('/')}{PATH}", body=b"{}", headers=headers)
    except urllib3.exceptions.HTTPError as error:
        raise ServiceUnreachable(
            f"{proxy} doesn't answer ({type(error).__name__}): start it first, or check --proxy"
        ) from error
    if answer.status != _NOTHING_TO_REGISTER:
        try:
            detail = str(answer.json()["detail"])
        except (ValueError, LookupError, TypeError):
            detail = "it is no proxy of nlpbatch: check --proxy"
        raise ConfigError(f"{proxy} answered HTTP {answer.status}: {detail[:300]}")


@contextmanager
def told() -> Iterator[None]:
    """Have what YARN says be an error for the user.

    Raises:
        ConfigError: YARN refused.
        ServiceUnreachable: It didn't answer.

    """
    try:
        yield
    except YarnFault as error:
        kind = ServiceUnreachable if error.status is None else ConfigError
        raise kind(str(error)) from error

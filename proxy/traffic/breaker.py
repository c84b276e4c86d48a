"""When a backend gets no requests because it failed: one class per state. Pure.

- Closed: it gets requests. `failures` different requests in a row that it fails eject it; one success forgets them. The
  same request again and again counts once, so that a poison document ejects nobody.
- Ejected: it gets none for `eject_s`, times how often it was ejected in a row, up to `eject_max_s`.
- HalfOpen: it gets one request to try. A success closes, a failure ejects again, and if its caller hangs up, the next
  request tries.

Never are more than half of the backends ejected: when too many fail, it isn't the backends, and the others would only
be overrun. `Ejections` counts them.
"""

from dataclasses import dataclass

from proxy.config import UpstreamSettings


@dataclass(frozen=True, slots=True)
class EjectionRule:
    """When to eject and for how long."""

    failures: int = 5
    eject_s: float = 30.0
    eject_max_s: float = 300.0


def ejection_rule(settings: UpstreamSettings) -> EjectionRule:
    """Return the rule that the settings state."""
    return EjectionRule(settings.eject_failures, settings.eject_s, settings.eject_max_s)


class Ejections:
    """How many of the backends are ejected at a time, and the rule that all go by.

    Args:
        rule: May be exchanged.

    """

    def __init__(self, rule: EjectionRule | None = None) -> None:
        self.rule = rule or EjectionRule()
        self.backends = 0
        self.ejected = 0

    def may_eject(self) -> bool:
        """Return whether one more may be."""
        return 2 * (self.ejected + 1) <= self.backends


class Closed:
    """It gets requests."""

    name = "closed"

    def __init__(self, ejections: int = 0) -> None:
        self.ejections = ejections
        self.failed: dict[str, None] = {}


class Ejected:
    """It gets none until `until_s`."""

    name = "ejected"

    def __init__(self, until_s: float, ejections: int) -> None:
        self.until_s = until_s
        self.ejections = ejections


class HalfOpen:
    """It gets one, to try."""

    name = "half_open"

    def __init__(self, ejections: int) -> None:
        self.ejections = ejections
        self.trying = False


class Breaker:
    """One backend's.

    Args:
        all_: What it has in common with the other backends'.

    """

    def __init__(self, all_: Ejections | None = None) -> None:
        self._all = all_ or Ejections()
        self._all.backends += 1
        self._state: Closed | Ejected | HalfOpen = Closed()
        self.spotless = True
        """Whether it is closed and remembers no failure: then nothing but a failure changes anything."""

    @property
    def state(self) -> str:
        """Return `closed`, `ejected` or `half_open`."""
        return self._state.name

    def allows(self, now_s: float) -> bool:
        """Return whether the backend may get a request now."""
        if isinstance(self._state, Ejected) and now_s >= self._state.until_s:
            self._all.ejected -= 1
            self._state = HalfOpen(self._state.ejections)
        if isinstance(self._state, HalfOpen):
            return not self._state.trying
        return isinstance(self._state, Closed)

    def sent(self) -> None:
        """Note that it gets one."""
        if isinstance(self._state, HalfOpen):
            self._state.trying = True

    def succeeded(self) -> None:
        """Note that it answered."""
        if isinstance(self._state, HalfOpen) or (
            isinstance(self._state, Closed) and (self._state.failed or self._state.ejections)
        ):
            self._state = Closed()
            self.spotless = True

    def failed(self, identity: str, now_s: float) -> None:
        """Note that it failed a request, which is known again by its identity."""
        state, self.spotless = self._state, False
        if isinstance(state, HalfOpen):
            self._eject(state.ejections + 1, now_s)
        elif isinstance(state, Closed):
            state.failed[identity] = None
            if len(state.failed) >= self._all.rule.failures:
                self._eject(state.ejections + 1, now_s)

    def forgive(self, identity: str) -> None:
        """Take a failure back: the request failed elsewhere, too."""
        if isinstance(self._state, Closed):
            self._state.failed.pop(identity, None)

    def abandoned(self) -> None:
        """Note that a request ended without saying anything of the backend."""
        if isinstance(self._state, HalfOpen):
            self._state.trying = False

    def retire(self) -> None:
        """Count the backend no more."""
        self._all.backends -= 1
        if isinstance(self._state, Ejected):
            self._all.ejected -= 1

    def _eject(self, ejections: int, now_s: float) -> None:
        if not self._all.may_eject():
            self._state = Closed(ejections - 1)
            return
        rule = self._all.rule
        self._all.ejected += 1
        self._state = Ejected(now_s + min(rule.eject_s * ejections, rule.eject_max_s), ejections)

"""Runs checks side by side, each for a bounded time, so that one that hangs costs no other its finding."""

import threading
import time
from collections.abc import Callable, Sequence

from nlpbatch.doctor.finding import Check, Finding
from nlpbatch.errors import NlpbatchError


def examine(checks: Sequence[Check], on_findings: Callable[[Sequence[Finding]], None] | None = None) -> list[Finding]:
    """Return the findings of all checks, in the order of the checks; takes as long as the longest of them.

    Args:
        checks: What to look at.
        on_findings: Called with the findings of each check, in the same order, as soon as they are known.

    """
    began_s = time.monotonic()
    running = [_Running(check) for check in checks]
    findings: list[Finding] = []
    for one in running:
        found = one.wait(began_s + one.check.bound_s)
        findings += found
        if on_findings is not None:
            on_findings(found)
    return findings


class _Running:
    """One check in a thread of its own. It is a daemon: the program's end waits for no check that hangs."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self._found: list[Finding] | None = None
        self._thread = threading.Thread(target=self._run, name=f"check {check.name}", daemon=True)
        self._thread.start()

    def wait(self, until_s: float) -> list[Finding]:
        self._thread.join(max(0.0, until_s - time.monotonic()))
        found = self._found
        if found is None:
            late = f"no answer within {self.check.bound_s:g} s"
            return [Finding(self.check.name, "failed", late, self.check.late)]
        return found

    def _run(self) -> None:
        try:
            self._found = list(self.check.run())
        except NlpbatchError as error:
            self._found = [Finding(self.check.name, "failed", error.message)]
        except Exception as error:  # noqa: BLE001  (whatever a library does here is a finding)
            said = f"the check itself failed: {type(error).__name__}: {str(error)[:200]}"
            self._found = [Finding(self.check.name, "failed", said, "report this, with the output of --json")]

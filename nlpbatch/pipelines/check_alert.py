"""What an alert says of a check of all runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from nlpbatch.alerts.alert import MAX_FAULTS, Alert, Fault, State
from nlpbatch.alerts.delivery import Alerts


def check_alert(found: Mapping[str, Any], wrong: Sequence[Fault], alerts: Alerts) -> Alert:
    """Return the alert; of `done`, if nothing is wrong.

    Args:
        found: What `overview` returned.
        wrong: What `faults` returned.
        alerts: Who is told, which has the address of a page.

    """
    state: State = "done"
    if wrong:
        state = "late" if all(one.state == "late" for one in wrong) else "failed"
    # The worst first: those that are late are left out of a long list before those that failed.
    named = sorted(wrong, key=lambda one: one.state == "late")[:MAX_FAULTS]
    return Alert(
        event="check",
        kind="directory",
        name=str(found["url"]).rstrip("/").rpartition("/")[2],
        output=found["url"],
        state=state,
        ended_at=found["at"],
        figures={"runs": len(found["runs"])},
        faults=named,
        faults_total=len(wrong),
        link=alerts.page,
    )

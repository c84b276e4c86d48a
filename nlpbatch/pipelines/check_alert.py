"""What an alert says of a check of all runs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nlpbatch.alerts.alert import MAX_FAULTS, Alert, Fault, State
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.errors import NlpbatchError


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


def unreachable_alert(url: str, error: NlpbatchError, alerts: Alerts) -> Alert:
    """Return the alert of a check that couldn't look.

    Args:
        url: The directory.
        error: Why.
        alerts: As of `check_alert`.

    """
    return Alert(
        event="check",
        kind="directory",
        name=url.rstrip("/").rpartition("/")[2],
        output=url,
        state="failed",
        ended_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        error={"code": error.code, "message": error.message},
        link=alerts.page,
    )

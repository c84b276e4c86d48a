"""What an alert says of a run of the analysis job, and of a replay of its dead letters."""

from dataclasses import replace

from nlpbatch.alerts.after import Ending
from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.alerts.links import run_link
from nlpbatch.spark.replay import Replayed
from nlpbatch.spark.report import Report

_FIGURES = ("rows", "new_rows", "dead", "nulls", "tokens", "text_bytes")


def job_alert(ending: Ending, output: str, report: Report | None, alerts: Alerts) -> Alert:
    """Return the alert of a run.

    Args:
        ending: How it ended.
        output: Where it was to write.
        report: What it did; None if it failed.
        alerts: Who is told, which has the address of a page.

    """
    warnings: list[str] = []
    figures: dict[str, float] = {}
    state = ending.state
    if report is not None:
        figures = {name: getattr(report, name) for name in _FIGURES}
        figures |= {f"errors.{code}": count for code, count in report.errors.items()}
        if report.work.analysed_bytes is not None:
            figures["analysed_bytes"] = report.work.analysed_bytes
        if report.unread:
            warnings.append(f"{len(report.unread):,} of {report.files:,} files were set aside: see the run's summary")
        if report.stopped is not None and state == "done":
            state = "stopped"
            warnings.append(f"stopped, {report.stopped}: start it again to resume")
    return Alert(
        event="run",
        kind="job",
        name=output.rstrip("/").rpartition("/")[2] or output,
        output=output,
        state=state,
        ended_at=ending.ended_at,
        exit_code=ending.exit_code,
        started_at=ending.started_at,
        seconds=ending.seconds,
        error=ending.error_members,
        warnings=tuple(warnings),
        figures=figures,
        link=run_link(alerts.page, alerts.page_of, output),
    )


def replay_alert(ending: Ending, output: str, done: Replayed | None, alerts: Alerts) -> Alert:
    """Return the alert of a replay: that of a run of the job, with what it sent and recovered.

    Args:
        ending: How it ended.
        output: Of the job.
        done: What it did; None if it failed.
        alerts: As of `job_alert`.

    """
    if done is None:
        return job_alert(ending, output, None, alerts)
    alert = job_alert(ending, output, done.report, alerts)
    left = (f"{done.left:,} of {done.sent:,} dead letters are left: see their codes",) if done.left else ()
    figures = {**alert.figures, "sent": done.sent, "recovered": done.recovered}
    return replace(alert, figures=figures, warnings=(*left, *alert.warnings))

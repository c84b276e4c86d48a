"""Alert rules: valid, firing when they should and only then, and explained in the runbook."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fakes.running_prometheus import CONFIG, ROOT, program

RULES = CONFIG / "rules.yml"
TESTS = Path(__file__).parent / "alerts.yml"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
DASHBOARD = json.loads((ROOT / "conf" / "grafana" / "nlpbatch.json").read_text())
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule]
NAMES = [alert["alert"] for alert in ALERTS]
PARTS = ("Means", "Look at", "Do")


def promtool(*arguments):
    return subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def entries():
    """Return the runbook's entries by their titles."""
    parts = re.split(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("check", [("rules", RULES), ("config", CONFIG / "prometheus.yml")])
def test_promtool_finds_no_fault(check):
    done = promtool("check", *check)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_only_then():
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried():
    tested = yaml.safe_load(TESTS.read_text())["tests"]
    expected = [moment["exp_samples"] for one in tested for moment in one["promql_expr_test"]]
    assert {re.search(r'"(\w+)"', sample["labels"])[1] for samples in expected for sample in samples} == set(NAMES)
    assert all(any(not moment["exp_samples"] for moment in one["promql_expr_test"]) for one in tested)


def test_alerts_and_entries_of_the_runbook_are_the_same():
    assert sorted(entries()) == sorted(NAMES)


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_entry_says_what_to_do_and_the_alert_leads_there(alert):
    entry = entries()[alert["alert"]]
    assert tuple(re.findall(r"^- \*\*(.+?)\*\*: \S", entry, flags=re.MULTILINE)) == PARTS
    assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_runbook_names_panels_and_alerts_that_there_are():
    panels = {panel["title"] for panel in DASHBOARD["panels"]}
    assert set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", RUNBOOK)) <= panels
    assert set(re.findall(r"\bNlpbatch\w+", RUNBOOK)) <= set(NAMES)

"""`nlpbatch runs --check --alerts`: what failed or is late is told."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from tests.fakes.alert_checks import check
from tests.fakes.alert_receivers import SECRET_PATH, webhook_server
from tests.fakes.run_records import job, stage

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "alert.schema.json").read_text(encoding="utf-8"))


def test_a_check_tells_what_failed_and_what_is_late(tmp_path):
    job(tmp_path / "runs" / "a", "failed", reason="the key was taken back")
    stage(tmp_path / "runs" / "b", "dump")
    with webhook_server() as server:
        file = tmp_path / "alerts.toml"
        file.write_text('[alerts]\npage = "https://runs.example/"\n')
        said = check(tmp_path / "runs", "--late", "1m", "--alerts", str(file), NLPBATCH_ALERT_WEBHOOK=server.url)
        # This one is told of nothing: all is in order, and nobody asked for "done".
        job(tmp_path / "good")
        check(tmp_path / "good", "--alerts", NLPBATCH_ALERT_WEBHOOK=server.url)
    assert said.returncode == 1
    assert said.stdout.startswith("a: failed: the key was taken back\n") or "\na: failed" in said.stdout
    assert ": sent" in said.stderr
    assert SECRET_PATH not in said.stderr + said.stdout
    (alert,) = server.alerts
    assert (alert["event"], alert["state"], alert["link"]) == ("check", "failed", "https://runs.example/")
    assert [(one["path"], one["state"]) for one in alert["faults"]] == [("a", "failed"), ("b", "late")]
    assert alert["text"].endswith("failed, lost or late: 2")


def test_a_check_ends_as_it_would_whatever_becomes_of_the_alert(tmp_path):
    job(tmp_path / "runs" / "a", "failed", reason="no")
    said = check(tmp_path / "runs", "--alerts", NLPBATCH_ALERT_WEBHOOK="http://127.0.0.1:9/s3cret")
    assert (said.returncode, said.stdout) == (1, "a: failed: no\n")
    assert said.stderr == "nlpbatch: alert, webhook at 127.0.0.1:9: not sent: can't be reached, 3 times\n"


def test_a_check_that_cannot_look_tells_that(tmp_path):
    (tmp_path / "file").touch()
    with webhook_server() as server:
        for directory in (tmp_path / "gone", tmp_path / "file"):
            said = check(directory, "--alerts", NLPBATCH_ALERT_WEBHOOK=server.url)
            assert (said.returncode, "is no directory" in said.stderr, ": sent" in said.stderr) == (2, True, True)
    for alert in server.alerts:
        jsonschema_rs.validate(SCHEMA, alert)
        assert (alert["event"], alert["state"], alert["error"]["code"]) == ("check", "failed", "config_invalid")
        assert alert["text"].endswith(": can't be looked at")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "--alerts names nobody: give a TOML file with [alerts], or set $NLPBATCH_ALERT_WEBHOOK"),
        ("", "it has no [alerts]: add it"),
        ('[alerts]\nwebhook = "hooks"', "webhook is no address"),
    ],
)
def test_a_check_with_nobody_to_tell_is_refused_at_once(tmp_path, text, message):
    job(tmp_path / "runs" / "a")
    file = tmp_path / "alerts.toml"
    if text is not None:
        file.write_text(text)
    said = check(tmp_path / "runs", "--alerts", *([] if text is None else [str(file)]), NLPBATCH_ALERT_WEBHOOK="")
    assert (said.returncode, message in said.stderr) == (2, True), said.stderr


def test_alerts_belong_to_a_check(tmp_path):
    words = [sys.executable, "-m", "nlpbatch", "runs", str(tmp_path), "--alerts"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (said.returncode, "--alerts belongs to --check: give both" in said.stderr) == (2, True)

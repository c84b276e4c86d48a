"""Alerts of recipes and jobs that really run, as processes: what is told, and that nothing else changes by it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jsonschema_rs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.cli.stack import Stack, StackOptions
from tests.fakes.alert_receivers import SECRET_PATH, webhook_server

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "alert.schema.json").read_text(encoding="utf-8"))
TEXT = "아주 비밀스러운 영화평"
GONE = "http://127.0.0.1:9/services/s3cret"


@pytest.fixture
def files(tmp_path):
    pq.write_table(pa.table({"id": ["a", "b"], "review": [TEXT, None]}), tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


def start(script, *options, **variables):
    return subprocess.run(
        [sys.executable, "-m", f"jobs.{script}", *map(str, options)],
        cwd=ROOT,
        env=os.environ | {"NLPBATCH_ALERT_WEBHOOK": ""} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def told(stack):
    """Return what runs a script with a webhook, and returns the process and the alerts that came."""

    def call(script, *options, **variables):
        with webhook_server() as server:
            given = {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}
            done = start(script, *options, **given | {"NLPBATCH_ALERT_WEBHOOK": server.url} | variables)
        for alert in server.alerts:
            jsonschema_rs.validate(SCHEMA, alert)
            assert TEXT not in json.dumps(alert, ensure_ascii=False)
        assert SECRET_PATH not in done.stdout + done.stderr
        return done, server.alerts

    return call


def recipe(tmp_path, files, expect="", alerts=""):
    file = tmp_path / "reviews.toml"
    file.write_text(
        f'[source]\nfiles = "{files}"\n[analyze]\ncolumns = ["review"]\n{expect}'
        f'[sink]\npath = "{tmp_path}/out/date={{{{ ds }}}}"\n{alerts}'
    )
    return [file, "--set", "ds=2026-11-01"]


def test_a_recipe_that_is_done_or_warns_or_is_stopped_is_told_with_its_figures_and_a_link(told, files, tmp_path):
    alerts = f'[alerts]\non = ["done", "breached"]\npage = "https://runs.example"\npage_of = "{tmp_path}/out"\n'
    done, (alert,) = told("recipe", *recipe(tmp_path, files, alerts=alerts))
    assert done.returncode == 0, done.stderr
    assert (alert["state"], alert["exit_code"], alert["variables"]) == ("done", 0, {"ds": "2026-11-01"})
    assert alert["link"] == "https://runs.example/#/date%3D2026-11-01"
    (stage,) = alert["stages"]
    assert (stage["name"], stage["state"], stage["figures"]["rows"]) == ("analyze", "done", 2)
    assert (alert["figures"]["rows"], alert["figures"]["nulls"]) == (2, 1)
    assert 0 < stage["seconds"] < alert["seconds"]

    warns = '[expect]\nrows = { min = 1_000 }\non_breach = "warn"\n'
    done, (alert,) = told("recipe", *recipe(tmp_path, files, expect=warns, alerts=alerts))
    assert (done.returncode, alert["state"], alert["breached"]) == (3, "look", True)
    assert alert["warnings"] == ["expect: rows is 2, must be at least 1,000"]

    stops = "[expect]\nrows = { min = 1_000 }\n"
    done, (alert,) = told("recipe", *recipe(tmp_path, files, expect=stops, alerts=alerts))
    assert (done.returncode, alert["state"], alert["breached"]) == (1, "failed", True)
    assert alert["error"]["code"] == "expectation_breached"


def test_a_failure_is_told_by_the_environment_alone_and_a_dry_run_is_not(told, files, tmp_path):
    done, (alert,) = told(
        "recipe", *recipe(tmp_path, files / "gone"), NLPBATCH_SERVICE="http://127.0.0.1:9", NLPBATCH_API_KEY="k"
    )
    assert (done.returncode, alert["state"], alert["exit_code"], alert["kind"]) == (2, "failed", 2, "recipe")
    assert (alert["name"], alert["error"]["code"], alert["stages"]) == ("reviews.toml", "config_invalid", [])
    assert "recipe: alert, webhook at 127.0.0.1:" in done.stderr
    done, alerts = told("recipe", *recipe(tmp_path, files / "gone"), "--dry-run")
    assert (done.returncode, alerts) == (2, []), done.stderr


def test_a_job_is_told_of_by_its_options_file(told, files, tmp_path):
    config = tmp_path / "job.toml"
    config.write_text('[alerts]\non = ["done", "failed"]\n')
    options = ("--config", config, "--input", files, "--text", "review", "--output", tmp_path / "out")
    done, (alert,) = told("analyze", *options)
    assert done.returncode == 0, done.stderr
    assert (alert["kind"], alert["name"], alert["state"]) == ("job", "out", "done")
    assert (alert["figures"]["rows"], alert["figures"]["nulls"], alert["figures"]["dead"]) == (2, 1, 0)
    done, (alert,) = told("analyze", *options, "--analyzer", "nobodys")
    assert (done.returncode, alert["state"], alert["error"]["code"]) == (2, "failed", "unknown_analyzer")


def test_a_replay_is_told_of_with_what_it_recovered_and_what_is_left(told, tmp_path):
    pq.write_table(pa.table({"id": [0, 1], "text": [TEXT, "긴 글 " * 20]}), tmp_path / "in.parquet")
    (tmp_path / "small.toml").write_text("[limits]\ntext_bytes = 100\n")
    (tmp_path / "alerts.toml").write_text('[alerts]\non = ["done"]\n')
    output = ("--output", tmp_path / "out")
    with Stack(StackOptions(workers=1, server_config=tmp_path / "small.toml")) as small:
        strict = {"NLPBATCH_SERVICE": small.service, "NLPBATCH_API_KEY": small.api_key}
        start("analyze", "--input", tmp_path / "in.parquet", "--text", "text", *output, **strict)
        done, (alert,) = told("replay", *output, **strict)
    assert (done.returncode, alert["state"], alert["kind"], alert["name"]) == (3, "look", "job", "out"), done.stderr
    assert alert["warnings"] == ["1 of 1 dead letters are left: see their codes"]
    assert [alert["figures"][name] for name in ("sent", "recovered", "dead")] == [1, 0, 1]
    done, (alert,) = told("replay", *output, "--alerts", tmp_path / "alerts.toml")
    assert (done.returncode, alert["state"], alert["warnings"]) == (0, "done", []), done.stderr
    assert [alert["figures"][name] for name in ("sent", "recovered", "dead")] == [1, 1, 0]
    done, (alert,) = told("replay", "--output", tmp_path / "gone")
    assert (done.returncode, alert["state"], alert["error"]["code"]) == (2, "failed", "config_invalid")


@pytest.mark.parametrize("webhook", [GONE, None])
def test_a_hook_that_fails_or_hangs_costs_a_line_and_little_time_and_the_exit_code_stays(files, tmp_path, webhook):
    options = recipe(tmp_path, files / "gone", alerts='[alerts]\non = ["failed"]\n')
    with webhook_server(hangs=True) as server:
        began_s = time.monotonic()
        done = start(
            "recipe", *options, NLPBATCH_SERVICE="http://127.0.0.1:9", NLPBATCH_ALERT_WEBHOOK=webhook or server.url
        )
        assert time.monotonic() - began_s < 100
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "alert" in line]
    assert len(lines) == 1
    assert lines[0].startswith("recipe: alert, webhook at 127.0.0.1:")
    assert "not sent: " in lines[0]
    assert "s3cret" not in done.stderr + done.stdout
    assert SECRET_PATH not in done.stderr


def test_what_is_wrong_with_alerts_is_refused_before_anything_is_started(tmp_path, files):
    done = start("recipe", *recipe(tmp_path, files, alerts='[alerts]\nwebhook = "hooks"\n'))
    assert (done.returncode, "[alerts] webhook is no address" in done.stderr) == (2, True), done.stderr
    done = start("recipe", *recipe(tmp_path, files, alerts="[alerts]\n"))
    assert (done.returncode, "[alerts] names nobody" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()

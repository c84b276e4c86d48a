"""Recipes in a real Airflow. Not collected by `bin/test`: run `python -m tests.airflow`."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import sync_playwright

from nlpbatch.client.sync import Client
from nlpbatch.errors import NlpbatchError
from tests.airflow.environment import ROOT, airflow_binaries
from tests.airflow.running import RunningAirflow, eventually

RAW = "hdfs://namenode/raw/reviews"
DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
ROWS = 200
COMMAND = (sys.executable, "-m", "nlpbatch", "run", "--conf", "spark.ui.enabled=false")
DATED = """
[source]
files = "{folder}/in/dt={{{{ ds }}}}"

[analyze]
columns = ["review"]

[sink]
path = "{folder}/{name}/date={{{{ ds }}}}"
"""
GRAPHS = {
    "first": {"sample": {"profile"}, "profile": set(), "analyze": {"features"}, "features": set()},
    "reviews": {
        "dump": {"sample", "clean"},
        "sample": {"profile"},
        "profile": set(),
        "clean": {"expect", "analyze"},
        "expect": {"analyze"},
        "analyze": {"expect-errors", "features"},
        "expect-errors": {"features"},
        "features": set(),
    },
}
"""Of the shipped recipes: what follows each task."""
WHOLE = """
[source]
files = "{files}"

[analyze]
columns = ["review"]

[features]
id = "review_id"

[sink]
path = "{path}"
"""
DAG = """
from datetime import timedelta

from airflow.sdk import Asset

from nlpbatch.airflow import recipe_dag

retrying = {{"retries": 1, "retry_delay": timedelta(seconds=1)}}
dag = recipe_dag({recipe!r}, command={command!r}, default_args=retrying, {more})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def airflow(stack, folder, reviews):
    """Airflow with six DAGs: the shipped recipes, two by date, one of all reviews, and one whose recipe changes."""
    variables = {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}
    running = RunningAirflow(folder / "home", airflow_binaries(), variables)
    work = folder / "work" / "nlpbatch" / "demo"
    work.mkdir(parents=True)
    shutil.copy(ROOT / "nlpbatch" / "demo" / "documents.jsonl", work)
    table = pq.read_table(reviews)
    for number, day in enumerate(DAYS):
        (folder / "in" / f"dt={day}").mkdir(parents=True)
        pq.write_table(table.slice(number * ROWS, ROWS), folder / "in" / f"dt={day}" / "some.parquet")

    def add(name, recipe, more=""):
        (running.dags / f"{name}.py").write_text(DAG.format(recipe=recipe, command=COMMAND, more=more))

    recipe = ROOT / "conf" / "recipes" / "first.toml"
    schedule = [sys.executable, "-m", "nlpbatch", "schedule", str(recipe), "--cron", "@daily", "--as", "airflow"]
    subprocess.run([*schedule, "-o", str(running.dags)], cwd=work.parents[1], check=True)
    add("reviews", str(ROOT / "conf" / "recipes" / "reviews.toml"))
    for name in ("days", "arrived"):
        (running.dags / f"{name}.toml").write_text(DATED.format(folder=folder, name=name))
    add("arrived", "arrived.toml", f'schedule=[Asset("{RAW}")]')
    add("days", "days.toml", 'schedule="@daily", timezone="Asia/Seoul", max_active_runs=4, wait_for_source=True')
    for name in ("killed", "changed"):
        files = reviews if name == "killed" else folder / "in" / f"dt={DAYS[0]}"
        (running.dags / f"{name}.toml").write_text(WHOLE.format(files=files, path=folder / name))
        add(name, f"{name}.toml")
    with running:
        yield running


def test_the_dags_of_the_shipped_recipes_appear_without_import_errors(airflow):
    eventually(lambda: len(airflow.call("GET", "dags?limit=100")["dags"]) == 6)
    assert airflow.call("GET", "importErrors")["import_errors"] == []
    for name in ("first", "reviews"):
        tasks = airflow.call("GET", f"dags/{name}/tasks")["tasks"]
        graph = {one["task_id"]: set(one["downstream_task_ids"]) for one in tasks}
        assert graph == GRAPHS[name]


def test_a_run_on_schedule_goes_green_and_the_next_one_skips_what_is_done(airflow, folder):
    airflow.unpause("first")
    scheduled = eventually(lambda: airflow.runs("first"))[0]
    assert scheduled["run_type"] == "scheduled"
    assert airflow.wait("first", scheduled["dag_run_id"]) == "success"
    assert set(airflow.states("first", scheduled["dag_run_id"]).values()) == {"success"}
    made = airflow.xcom("first", scheduled["dag_run_id"], "analyze")
    documents = (ROOT / "nlpbatch" / "demo" / "documents.jsonl").read_text().splitlines()
    assert made["rows"] == len(documents)
    (event,) = airflow.call("GET", "assets/events?source_dag_id=first")["asset_events"]
    assert event["source_task_id"] == "features"
    assert event["extra"]["rows"]

    again = airflow.trigger("first")
    assert airflow.wait("first", again) == "success"
    assert set(airflow.states("first", again).values()) == {"skipped"}
    assert "and nothing has changed" in airflow.xcom("first", again, "features", "skipped")
    assert airflow.xcom("first", again, "analyze", "skipped").startswith("nothing new since")
    assert airflow.call("GET", "assets/events?source_dag_id=first")["total_entries"] == 1


def test_a_backfill_of_three_dates_makes_three_partitions(airflow, folder, reviews):
    eventually(lambda: any(one["dag_id"] == "days" for one in airflow.call("GET", "dags")["dags"]))
    airflow.call("PATCH", "dags/days", {"is_paused": False})
    body = {"dag_id": "days", "from_date": f"{DAYS[0]}T00:00:00+09:00", "to_date": f"{DAYS[-1]}T00:00:00+09:00"}
    airflow.call("POST", "backfills", {**body, "max_active_runs": 1})

    def filled():
        runs = [one for one in airflow.runs("days") if one["run_type"] == "backfill"]
        return runs if len(runs) == len(DAYS) and all(one["state"] in ("success", "failed") for one in runs) else None

    runs = eventually(filled, patience_s=500)
    assert {one["state"] for one in runs} == {"success"}
    table = pq.read_table(reviews)
    for number, day in enumerate(DAYS):
        analysed = ds.dataset(folder / "days" / f"date={day}" / "analyzed", format="parquet").to_table()
        wanted = table.slice(number * ROWS, ROWS)["review_id"].to_pylist()
        assert sorted(analysed["review_id"].to_pylist()) == sorted(wanted)
    assert sorted(path.name for path in (folder / "days").iterdir()) == [f"date={day}" for day in DAYS]
    events = airflow.call("GET", "assets/events?source_dag_id=days")["asset_events"]
    assert sorted(event["extra"]["date"] for event in events) == list(DAYS)


def test_data_that_arrives_starts_a_run_of_its_date(airflow, folder):
    airflow.unpause("arrived")
    assets = eventually(lambda: airflow.call("GET", "assets?dag_ids=arrived&limit=100")["assets"])
    (asset,) = (one["id"] for one in assets if one["uri"] == RAW)
    airflow.call("POST", "assets/events", {"asset_id": asset, "extra": {"date": DAYS[1]}})
    run = eventually(lambda: airflow.runs("arrived"))[0]
    assert run["run_type"] == "asset_triggered"
    assert airflow.wait("arrived", run["dag_run_id"]) == "success"
    assert [path.name for path in (folder / "arrived").iterdir()] == [f"date={DAYS[1]}"]
    airflow.call("POST", "assets/events", {"asset_id": asset, "extra": {"day": DAYS[1]}})
    second = eventually(lambda: airflow.runs("arrived")[1:])[0]["dag_run_id"]
    assert airflow.wait("arrived", second) == "failed"
    assert "needs a date and the run has none" in airflow.log("arrived", second, "analyze")
    assert airflow.tasks("arrived", second)["analyze"]["try_number"] == 1


def test_a_task_that_is_killed_resumes_without_a_second_analysis(airflow, stack, folder, reviews):
    airflow.unpause("killed")
    run = airflow.trigger("killed")
    about = folder / "killed" / "analyzed" / "_nlpbatch" / "run.json"
    eventually(about.exists, pause_s=0.1)
    with Client(stack.service, api_key=stack.api_key) as client:
        job = json.loads(about.read_text())["run"]
        eventually(lambda: documents_of(client, job) > 3_000, pause_s=0.05)
        task = parent_of("killed.toml")
        os.kill(task, signal.SIGKILL)  # of Airflow, which can't end what it has started any more
        assert airflow.wait("killed", run) == "success", airflow.log("killed", run, "analyze", 2)[-3000:]
        documents = documents_of(client, job)
    assert airflow.tasks("killed", run)["analyze"]["try_number"] == 2
    ids = pq.read_table(reviews, columns=["review_id"])["review_id"].to_pylist()
    analysed = ds.dataset(folder / "killed" / "analyzed", format="parquet").to_table()["review_id"].to_pylist()
    assert sorted(analysed) == sorted(ids)
    print(f"\n{len(ids):,} documents, killed once: {documents:,} analysed")
    assert documents <= 1.01 * len(ids)


def test_a_recipe_that_changes_while_its_dag_runs_is_refused_and_runs_when_cleared(airflow, folder):
    airflow.unpause("changed")
    run = airflow.trigger("changed")
    eventually(lambda: airflow.states("changed", run).get("analyze") == "running")
    eventually((folder / "changed" / "_recipe").exists, pause_s=0.1)
    recipe = airflow.dags / "changed.toml"
    recipe.write_text(recipe.read_text().replace("[features]", "[features]\nmin_documents = 3"))
    assert airflow.wait("changed", run) == "failed"
    assert airflow.states("changed", run) == {"analyze": "success", "features": "failed"}
    assert airflow.tasks("changed", run)["features"]["try_number"] == 1
    assert "was changed while this run was under way (analyze ran with it" in airflow.log("changed", run, "features")
    airflow.call("POST", "dags/changed/clearTaskInstances", {"dry_run": False, "dag_run_id": run, "only_failed": False})
    eventually(lambda: airflow.call("GET", f"dags/changed/dagRuns/{run}")["state"] in ("queued", "running"))
    assert airflow.wait("changed", run) == "success"
    assert airflow.states("changed", run) == {"analyze": "skipped", "features": "success"}


def test_a_picture_of_the_graph(airflow):
    file = os.environ.get("AIRFLOW_PICTURE")
    if file is None:
        pytest.skip("AIRFLOW_PICTURE names no file")
    run = airflow.runs("first")[-2]["dag_run_id"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1280, "height": 640}, color_scheme="light")
        page.add_init_script("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")
        page.goto(f"{airflow.url}/auth/token/login")
        page.goto(f"{airflow.url}/dags/first/runs/{run}")
        page.wait_for_load_state("networkidle")
        page.wait_for_selector(".react-flow__node")
        page.wait_for_timeout(3_000)  # the graph moves into its place
        page.screenshot(path=file)
        browser.close()


def documents_of(client, job):
    try:
        return client.usage(job).documents
    except NlpbatchError:  # it has not asked for anything yet
        return 0


def parent_of(recipe):
    """Return the process that runs the command with a recipe: the task's own."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            if "run" in words and any(word.endswith(f"/{recipe}") for word in words) and "nlpbatch" in words:
                return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, UnicodeDecodeError):
            continue
    raise AssertionError("no process runs it")

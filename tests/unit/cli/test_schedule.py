"""`nlpbatch schedule`: what it writes is taken by what it is for, and names the recipe as it is."""

import ast
import os
import shutil
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

from nlpbatch.cli import main

RECIPE = """
[source]
sql = "SELECT * FROM reviews WHERE dt = '{{ ds }}' AND region = '{{ region }}'"
[analyze]
columns = ["리뷰"]
[sink]
path = "hdfs:///out/{{ region }}/date={{ ds }}"
"""


@pytest.fixture
def schedule(tmp_path, monkeypatch, capsys):
    """Return what runs the command in a folder of its own, and returns its exit code, the files, and what it says."""
    folder = tmp_path / "my recipes 100%"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "Reviews.toml").write_text(RECIPE)

    def call(kind, *more, cron="0 3 * * *", region="kr"):
        given = ["--timezone", "Asia/Seoul", "--set", f"region={region}", "-o", "out", *more]
        code = main(["schedule", "Reviews.toml", "--cron", cron, "--as", kind, *given])
        out = folder / "out"
        files = {path.name: path.read_text() for path in out.iterdir()} if out.exists() else {}
        return code, files, capsys.readouterr().err

    call.folder = folder
    return call


def test_a_dag_names_the_recipe_the_schedule_and_the_python(schedule):
    code, files, said = schedule("airflow")
    assert code == 0
    assert "put it into Airflow's dags folder" in said
    (text,) = files.values()
    (call,) = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert ast.literal_eval(call.args[0]) == str(schedule.folder / "Reviews.toml")
    assert given == {
        "dag_id": "reviews",
        "schedule": "0 3 * * *",
        "timezone": "Asia/Seoul",
        "cwd": str(schedule.folder),
        "command": (sys.executable, "-m", "nlpbatch", "run"),
        "variables": {"region": "kr"},
    }


def test_systemd_takes_the_units(schedule):
    code, files, said = schedule("systemd", cron="30 4 1 * 5")
    assert code == 0
    assert "systemctl enable --now nlpbatch-reviews.timer" in said
    timer, service = files["nlpbatch-reviews.timer"], files["nlpbatch-reviews.service"]
    assert timer.count("OnCalendar=") == 2
    assert f'run "{schedule.folder}/Reviews.toml" --set ds=yesterday --set region=kr'.replace("%", "%%") in service
    assert "Environment=TZ=Asia/Seoul" in service
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    units = [str(schedule.folder / "out" / name) for name in files]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert "reviews" not in done.stderr, done.stderr


def test_kubernetes_takes_the_cronjob_and_it_carries_the_recipe(schedule):
    code, files, said = schedule("kubernetes", "--image", "registry/recipe:1")
    assert (code, files["Reviews.toml"]) == (0, RECIPE)
    assert "kubectl apply -k" in said
    job = yaml.safe_load(files["cronjob.yaml"])
    kubernetes_validate.validate(job, "1.30", strict=True)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["run", "/recipes/Reviews.toml", "--set", "ds=yesterday", "--set", "region=kr"]
    assert (job["spec"]["schedule"], job["spec"]["timeZone"], container["image"]) == (
        "0 3 * * *",
        "Asia/Seoul",
        "registry/recipe:1",
    )
    if shutil.which("kubectl") is None:
        message = "needs kubectl: apt-get install kubernetes-client"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    command = ["kubectl", "kustomize", str(schedule.folder / "out")]
    rendered = list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    (recipe,) = (one for one in rendered if one["kind"] == "ConfigMap")
    (made,) = (one for one in rendered if one["kind"] == "CronJob")
    assert recipe["data"]["Reviews.toml"] == RECIPE
    volumes = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "recipe", "configMap": {"name": recipe["metadata"]["name"]}} in volumes


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--name", "My_recipe"), "--name 'My_recipe': a name is up to 52 lower-case letters"),
        (("--name", "x" * 53), "up to 52"),
        (("--timezone", "Seoul"), "--timezone 'Seoul' is unknown: write it as Asia/Seoul"),
        (("--set", "ds=2026-11-01"), "the date comes from the schedule"),
        (("--set", "regio=kr"), r"the recipe has no {{ regio }}"),
        (("--cron", "0 3 * *"), "has 4 fields"),
    ],
)
def test_what_can_not_be_scheduled_is_refused_and_nothing_is_written(schedule, more, message):
    code, files, said = schedule("systemd", *more)
    assert (code, files) == (2, {})
    assert message in said


def test_a_file_that_somebody_edited_is_not_replaced(schedule):
    assert schedule("airflow")[0] == 0
    assert schedule("airflow")[0] == 0
    (schedule.folder / "out" / "reviews.py").write_text("# mine")
    code, files, said = schedule("airflow")
    assert (code, files) == (2, {"reviews.py": "# mine"})
    assert "would be replaced, and differs: remove it, or give another -o" in said

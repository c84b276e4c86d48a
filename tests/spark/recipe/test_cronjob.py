"""What the CronJob of `nlpbatch schedule` runs: its own arguments and environment, with its folders on this machine."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import yaml

ROWS = 20
ZONE = "Asia/Seoul"


def yesterday():
    return (datetime.now(ZoneInfo(ZONE)) - timedelta(days=1)).date().isoformat()


def test_it_makes_the_partition_of_yesterday_where_the_schedule_is(stack, reviews, tmp_path):
    days = {yesterday()}
    work, recipes = tmp_path / "work", tmp_path / "recipes"
    (work / f"in/dt={min(days)}").mkdir(parents=True)
    pq.write_table(pq.read_table(reviews).slice(0, ROWS), work / f"in/dt={min(days)}/a.parquet")
    recipe = tmp_path / "reviews.toml"
    recipe.write_text(
        '[source]\nfiles = "in/dt={{ ds }}"\n[analyze]\ncolumns = ["review"]\n[sink]\npath = "out/date={{ ds }}"\n'
    )
    schedule = [sys.executable, "-m", "nlpbatch", "schedule", str(recipe), "--cron", "0 3 * * *", "--timezone", ZONE]
    subprocess.run([*schedule, "--as", "kubernetes", "-o", str(recipes)], check=True, capture_output=True)
    job = yaml.safe_load((recipes / "cronjob.yaml").read_text(encoding="utf-8"))
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one["value"].replace("/work", str(work)) for one in container["env"] if "value" in one}
    given |= {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}
    arguments = [one.replace("/recipes/", f"{recipes}/") for one in container["args"]]
    inherited = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "JAVA_TOOL_OPTIONS") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "nlpbatch", *arguments],
        cwd=work,
        env=inherited | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    days.add(yesterday())
    if len(days) == 1:  # else it was midnight there
        assert done.returncode == 0, done.stdout + done.stderr
        assert [path.name for path in (work / "out").iterdir()] == [f"date={min(days)}"]
        assert ds.dataset(work / "out" / f"date={min(days)}" / "analyzed", format="parquet").count_rows() == ROWS

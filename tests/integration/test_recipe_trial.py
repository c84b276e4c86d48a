"""A recipe put together on the page from nothing, tried on the sample with Spark and Kiwi, written, and run."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.json
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from nlpbatch.demo.source import DOCUMENTS
from tests.fakes.recipe_page import RecipeVisit, ask, serving_recipes
from tests.fakes.run_records import holder

TRIAL_MS = 180_000
TEXTS = {json.loads(line)["text"] or "" for line in Path(DOCUMENTS).read_text(encoding="utf-8").splitlines()}
"""The documents' texts, each once, as [clean] leaves them."""
QUICK = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}


def recipe_of(files, column):
    sections = (
        f'[source]\nfiles = "{files}"',
        "[sample]",
        f'[analyze]\ncolumns = ["{column}"]',
        '[sink]\npath = "out/short"',
    )
    return "\n\n".join(sections) + "\n"


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path / "recipes"


@pytest.fixture
def url(recipes, api):
    with serving_recipes(recipes, recipes.parent / "out", NLPBATCH_SERVICE=api.url, **QUICK) as found:
        yield found


def test_from_nothing_to_a_run_by_the_command_shown(url, browser, recipes, api):
    visit = RecipeVisit(browser, f"{url}/recipes")
    page = visit.page
    page.get_by_label("Name of a new recipe").fill("first")
    page.get_by_role("button", name="New recipe").click()
    visit.field("source", "files").fill(str(DOCUMENTS))
    for stage in ("sample", "profile", "clean", "expect", "analyze", "features"):
        page.get_by_role("button", name=f"+ {stage}", exact=True).click()
        expect(page.locator("#form h3")).to_have_text(f"[{stage}]")
        for key, value in {
            "sample": {"rows": "50", "read_share": "1.0"},
            "profile": {"label": "kind"},
            "clean": {"length": "{ min = 2 }"},
            "expect": {"null_share": "{ text = 0.5 }", "error_ratio": "0.5"},
            "analyze": {"columns": "text"},
            "features": {"label": "kind"},
        }[stage].items():
            visit.field(stage, key).fill(value)
    visit.stage("sink").click()
    visit.field("sink", "path").fill("out/first")
    expect(page.locator(".fault")).to_have_count(0)
    page.locator("#try").click()
    expect(page.locator("#trial .state")).to_have_text("running")
    expect(page.locator("#log")).to_contain_text("recipe: sample: done", timeout=TRIAL_MS)
    expect(page.locator("#stages")).to_contain_text("done")
    expect(page.locator("#trial .state")).to_have_text("done", timeout=TRIAL_MS)
    for stage in ("sample", "clean", "analyze", "features"):
        page.get_by_role("button", name=f"Show what {stage} made").click()
        rows = page.get_by_role("table", name=f"first rows of {stage}").locator("tbody tr")
        expect(rows.first).to_be_visible()
        assert rows.count() == 10 or stage == "features"  # whose first file may have fewer
    assert page.locator(".token").count() > 50
    page.get_by_role("button", name="Show what expect made").click()
    expect(page.get_by_role("table", name="first rows of expect")).to_contain_text("true")
    page.get_by_role("button", name="Show what profile made").click()
    with visit.context.expect_page() as opened:
        page.get_by_role("link", name="report on text").click()
    expect(opened.value.locator(".chart svg, .chart canvas").first).to_be_visible()
    assert opened.value.evaluate("self.origin") == "null"  # a file of the output can ask nothing in the page's name
    assert not list(recipes.iterdir())
    page.locator("#write").click()
    expect(page.locator("#written")).to_contain_text("Written")
    command = page.locator("#command").inner_text()
    visit.end()
    words = shlex.split(command.partition(" && ")[2])
    assert words == ["nlpbatch", "run", str(recipes / "first.toml")]
    environment = {**os.environ, "NLPBATCH_SERVICE": api.url, **QUICK}
    where = shlex.split(command.partition(" && ")[0])[1]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    analysed = ds.dataset(recipes.parent / "out/first/analyzed", partitioning="hive").count_rows()
    assert analysed == sum(len(text.strip()) > 1 for text in TEXTS)


def test_a_trial_is_stopped_and_leaves_nothing_and_there_is_one_at_a_time(url, browser, recipes):
    text = recipe_of(DOCUMENTS, "text")
    (recipes / "a.toml").write_text(text, encoding="utf-8")
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.page.locator("#try").click()
    expect(visit.page.locator("#trial .state")).to_have_text("running")
    status, said = ask(f"{url}/recipes/trial", {"name": "a.toml", "text": text})
    assert (status, json.loads(said)["detail"]) == (422, "a trial of a.toml is under way: wait for it, or stop it")
    visit.page.locator("#stop").click()
    expect(visit.page.locator("#trial .state")).to_have_text("stopped", timeout=60_000)
    expect(visit.page.locator("#try")).to_be_enabled()
    visit.end()
    left = subprocess.run(["pgrep", "-f", "nlpbatch-trial-"], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def of_this_test(mark):
    """Return the commands of all processes that have a variable, by their ids."""
    found = {}
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and mark in (process / "environ").read_bytes():
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                found |= {} if state == "Z" else {int(process.name): (process / "cmdline").read_bytes()}
    return found


def test_a_page_that_is_killed_leaves_no_trial(recipes):
    mark = f"NLPBATCH_TEST_MARK={recipes}"
    name, _, value = mark.partition("=")
    given = {"NLPBATCH_SERVICE": "", **QUICK, name: value}  # so it starts an API and a proxy, too
    with serving_recipes(recipes, recipes.parent / "out", **given) as url:
        (page,) = of_this_test(mark.encode())
        ask(f"{url}/recipes/trial", {"name": "a.toml", "text": recipe_of(DOCUMENTS, "text")})
        deadline_s = time.monotonic() + TRIAL_MS / 1000
        while not any(b"java" in one for one in of_this_test(mark.encode()).values()):
            assert time.monotonic() < deadline_s
            time.sleep(0.2)
        os.kill(page, signal.SIGKILL)
        while left := of_this_test(mark.encode()):
            assert time.monotonic() < deadline_s, left
            time.sleep(0.2)


@pytest.fixture
def of_parquet(recipes):
    """Return what writes a recipe of a Parquet file, whose columns are known before anything runs."""
    file = recipes.parent / "documents.parquet"
    pq.write_table(pyarrow.json.read_json(DOCUMENTS), file)

    def make(column):
        (recipes / "a.toml").write_text(recipe_of(file, column), encoding="utf-8")

    return make


def test_what_only_the_source_shows_is_said_at_the_field(url, browser, of_parquet):
    of_parquet("txet")
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.page.locator("#try").click()
    expect(visit.page.locator("#trial .state")).to_have_text("failed", timeout=TRIAL_MS)
    fault = "[analyze] columns: the source has no column 'txet': did you mean text?"
    expect(visit.page.locator("#trial .why")).to_have_text(fault)
    visit.stage("analyze").click()
    expect(visit.faults("analyze", "columns")).to_contain_text(fault)
    visit.field("analyze", "columns").fill("text")
    expect(visit.faults("analyze", "columns")).to_be_empty()
    visit.end()


def test_an_output_that_another_driver_writes_is_refused_and_says_who(url, browser, recipes, of_parquet):
    of_parquet("text")
    ended = threading.Event()

    def renew():
        while not ended.wait(0.5):
            holder(recipes.parent / "out" / "short", "_recipe", datetime.now(UTC))

    (recipes.parent / "out" / "short" / "_recipe" / "lease").mkdir(parents=True)
    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
        visit.page.locator("#try").click()
        expect(visit.page.locator("#trial .state")).to_have_text("failed", timeout=TRIAL_MS)
        expect(visit.page.locator("#trial .why")).to_contain_text("is being written by")
        said = ask(f"{url}/recipes/trial.json?name=a.toml")[1]
        assert json.loads(said)["code"] == "output_in_use"
        visit.end()
    finally:
        ended.set()
        renewing.join()

"""`nlpbatch runs` as a process, and its page in a real browser: live, by keyboard, on a phone, with names that bite."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from tests.fakes.run_records import holder, job, stage

BITES = "<img src=x onerror=document.title='bitten'>"
WIDTHS = (1280, 400)


def command(*arguments):
    return [sys.executable, "-m", "nlpbatch", "runs", *map(str, arguments)]


@contextmanager
def serving(directory, **environment):
    with subprocess.Popen(
        command(directory, "--serve", "--port", 0), stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield f"http://127.0.0.1:{json.loads(process.stderr.readline())['port']}"
        finally:
            process.terminate()


class Visit:
    """A page with what the browser complained of and asked for."""

    def __init__(self, browser, url, width=1280, scheme="light"):
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.complaints, self.asked = [], []
        self.page.on("console", lambda one: self.complaints.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")

    def end(self):
        wide = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        title = self.page.title()
        self.page.close()
        assert (self.complaints, wide) == ([], False)
        assert title.startswith("Runs below ")


@pytest.fixture
def outputs(tmp_path):
    job(tmp_path / BITES, "failed", reason=f"gave up: {BITES}", errors={"deadline_exceeded": 3})
    holder(job(tmp_path / "nightly", None), "_nlpbatch", datetime.now(UTC))
    stage(tmp_path / "reviews", "dump", rows=100)
    stage(tmp_path / "reviews", "analyze", ("dump",), rows=100)
    job(tmp_path / "reviews" / "analyzed", rows=(60, 40))
    tokens = [[{"form": "아버지", "tag": "NNG"}, {"form": BITES, "tag": "SW"}]]
    table = pa.table({"review": [BITES], "tokens": tokens})
    pq.write_table(table, tmp_path / "reviews" / "analyzed" / "run_batch=000000" / "part-0.parquet")
    return tmp_path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_file_shows_all_runs_and_asks_nobody(outputs, browser, tmp_path, width, scheme):
    file = tmp_path / "page.html"
    said = subprocess.run(command(outputs, "--html", file), capture_output=True, text=True, check=True)
    assert said.stderr.endswith("page.html: 3 runs\n")
    visit = Visit(browser, file.as_uri(), width, scheme)
    expect(visit.page.locator("tbody tr")).to_have_count(3)
    expect(visit.page.locator("tbody tr").first).to_contain_text("nightly")  # what runs comes first
    visit.page.get_by_role("link", name=BITES).click()
    expect(visit.page.locator(".why")).to_have_text(f"gave up: {BITES}")
    expect(visit.page.get_by_role("cell", name="deadline_exceeded")).to_be_visible()
    assert visit.asked == [file.as_uri()]
    visit.end()


def test_states_change_on_the_open_page_and_the_figures_are_those_of_the_records(outputs, browser):
    with serving(outputs) as url:
        visit = Visit(browser, url)
        row = visit.page.locator("tbody tr", has_text="nightly")
        expect(row.locator(".state.running")).to_be_visible()
        job(outputs / "nightly", "complete", rows=(100, 1_134))
        shutil.rmtree(outputs / "nightly" / "_nlpbatch" / "lease")
        expect(row.locator(".state.done")).to_be_visible(timeout=20_000)
        expect(row).to_contain_text("1,234")
        shutil.rmtree(outputs / "nightly")
        expect(visit.page.locator("tbody tr")).to_have_count(2, timeout=20_000)
        visit.end()


def test_it_is_walked_through_by_keyboard_and_the_focus_stays(outputs, browser):
    with serving(outputs) as url:
        visit = Visit(browser, url, 400)
        visit.page.locator("#state").focus()
        for _ in range(2):
            visit.page.keyboard.press("Tab")
        link = visit.page.evaluate("document.activeElement.textContent")
        with visit.page.expect_response("**/runs.json"):
            pass
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("document.activeElement.textContent") == link
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator("main h2").first).to_have_text(link)
        visit.end()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_recipe_is_a_graph_of_stages_with_ten_rows_of_what_they_made(outputs, browser, width):
    with serving(outputs) as url:
        visit = Visit(browser, f"{url}/#/reviews", width)
        expect(visit.page.locator(".graph li")).to_have_count(2)
        expect(visit.page.locator(".graph ul").nth(1)).to_contain_text("after dump")
        visit.page.get_by_role("button", name="ten rows of analyze").click()
        expect(visit.page.locator(".token").first).to_have_text("아버지NNG")
        expect(visit.page.locator(".token").nth(1)).to_have_text(f"{BITES}SW")
        visit.page.get_by_role("button", name="ten rows of dump").click()
        expect(visit.page.locator(".why")).to_contain_text("nothing is in reviews/dump yet")
        visit.complaints = [one for one in visit.complaints if "404" not in one]  # the browser notes that answer
        visit.end()


def answer(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_with_a_key_only_those_who_know_it_see_anything(outputs):
    key = "a key that is long enough"
    with serving(outputs, NLPBATCH_RUNS_KEY=key) as url:
        for path in ("/", "/runs.json", "/preview.json?path=reviews&stage=analyze"):
            assert answer(url + path)[0] == answer(url + path, Authorization="Bearer wrong")[0] == 401
            assert answer(url + path, Authorization="Basic !")[0] == 401
            assert answer(url + path, Authorization=f"Bearer {key}")[0] == 200
        for path in ("..", "reviews/../nightly", "/etc", "gone"):
            assert answer(f"{url}/preview.json?path={path}", Authorization=f"Bearer {key}")[0] == 404
        assert answer(f"{url}/preview.json?path=reviews&stage=..", Authorization=f"Bearer {key}")[0] == 404


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/nowhere/at/all"], "is no directory"),
        ([".", "--serve", "--host", "0.0.0.0"], "set $NLPBATCH_RUNS_KEY"),
        ([".", "--serve", "--port", "99999"], "--port is 99999: give 0 to 65,535"),
        ([".", "--late", "1h"], "--late belongs to --check"),
        ([".", "--check", "--late", "soon"], "give a number and m, h or d"),
        ([".", "--html", "/nowhere/at/all.html"], "can't be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, says, tmp_path):
    said = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (said.returncode, says in said.stderr) == (2, True), said.stderr


def test_check_ends_with_1_if_anything_has_failed(outputs):
    said = subprocess.run(command(outputs, "--check"), capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (1, f"{BITES}: failed: gave up: {BITES}\n")
    shutil.rmtree(outputs / BITES)
    said = subprocess.run(command(outputs, "--check"), capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "all 2 runs are in order\n")
    late = subprocess.run(command(outputs, "--check", "--late", "1m"), capture_output=True, text=True, check=False)
    assert (late.returncode, "reviews: late: the last run ended" in late.stdout) == (1, True)


def test_the_terminal_and_json_show_the_same(outputs):
    said = subprocess.run(
        command(outputs), capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "160"}
    )
    assert "failed" in said.stdout
    assert BITES in said.stdout
    found = json.loads(subprocess.run(command(outputs, "--json"), capture_output=True, text=True, check=True).stdout)
    assert found["runs"][0]["path"] == "nightly"

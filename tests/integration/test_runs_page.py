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

from tests.fakes.run_records import history, holder, job, kept, stage

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


def test_a_run_that_is_deleted_while_it_is_open_is_said_to_be_gone(outputs, browser):
    with serving(outputs) as url:
        visit = Visit(browser, f"{url}/#/nightly")
        expect(visit.page.locator("main h2").first).to_have_text("nightly")
        shutil.rmtree(outputs / "nightly")
        expect(visit.page.locator(".why")).to_have_text("nightly isn't there any more", timeout=20_000)
        expect(visit.page.locator("tbody tr")).to_have_count(2)
        assert answer(f"{url}/preview.json?path=nightly")[0] == 404
        visit.end()


def test_a_thousand_runs_are_listed_and_one_series_of_them_is_opened(tmp_path, browser):
    for number in range(1_000):
        path = tmp_path / f"hour={number:04d}"
        stage(path, "analyze", rows=number)
        history(path, kept(number / 24, {"analyze": (1.0, {"rows": number})}))
    with serving(tmp_path) as url:
        visit = Visit(browser, url)
        expect(visit.page.locator("tbody tr")).to_have_count(1_000)
        visit.page.goto(f"{url}/#/hour%3D0500")
        rows = visit.page.get_by_role("table", name="side by side").locator("tbody tr")
        expect(rows).to_have_count(31)
        expect(rows.first).to_contain_text("hour=0515")
        expect(rows.locator("strong")).to_have_text("hour=0500")
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


@pytest.mark.parametrize("width", WIDTHS)
def test_runs_of_all_dates_are_side_by_side_with_what_changed(tmp_path, browser, width):
    for day, (seconds, rows, dead) in enumerate([(10.0, 1_000, 0), (12.5, 1_100, 4)]):
        path = tmp_path / f"date=2026-11-0{day + 1}"
        stage(path, "analyze", rows=rows)
        figures = {"rows": rows, "new_rows": rows, "dead": dead, "text_bytes": 30 * rows, "analysed_bytes": 40 * rows}
        history(path, kept(day, {"analyze": (seconds, figures)}, {BITES: dead} if dead else {}))
    with serving(tmp_path) as url:
        visit = Visit(browser, f"{url}/#/date%3D2026-11-01", width)
        rows = visit.page.get_by_role("table", name="side by side").locator("tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("date=2026-11-02")
        expect(rows.first).to_contain_text("1,100+10 %")
        expect(rows.first).to_contain_text(f"{BITES} 4")
        if width == WIDTHS[0]:
            for text in ("33 kB+10 %", "44 kB+10 %", "12.5 s"):
                expect(rows.first).to_contain_text(text.replace("12.5 s", "13 s"))
        rows.first.get_by_role("link").click()
        expect(visit.page.locator("main h2").first).to_have_text("date=2026-11-02")
        visit.end()


REPORT = (
    "<!doctype html><title>a report</title><h1>A report</h1><script>"
    "document.querySelector('h1').textContent += ' drawn';"
    "try { parent.document.title = 'bitten' } catch { }"
    "fetch('/runs.json').then(() => { document.querySelector('h1').textContent = 'bitten' }, () => { });</script>"
)


@pytest.fixture
def reported(outputs):
    stage(outputs / "reviews", "profile", ("sample",), report=f"{outputs}/reviews/profile/review.html")
    (outputs / "reviews" / "profile").mkdir()
    (outputs / "reviews" / "profile" / "review.html").write_text(REPORT)
    stage(outputs / "reviews", "expect", ("dump",), checks=1)
    (outputs / "reviews" / "expect").mkdir()
    checks = [{"name": f"rows {BITES}", "found": 3, "min": 1_000, "max": None, "holds": False}]
    (outputs / "reviews" / "expect" / "expect.json").write_text(json.dumps({"checks": checks}))
    return outputs


def test_a_report_is_shown_in_a_frame_and_by_a_link_and_reaches_nothing(reported, browser):
    with serving(reported) as url:
        visit = Visit(browser, f"{url}/#/reviews")
        link = visit.page.get_by_role("link", name="report review")
        expect(link).to_have_attribute("href", "report?path=reviews&name=review.html")
        visit.page.get_by_role("button", name="show it here").click()
        expect(visit.page.frame_locator("iframe").locator("h1")).to_have_text("A report drawn")
        visit.page.wait_for_timeout(300)
        expect(visit.page.frame_locator("iframe").locator("h1")).to_have_text("A report drawn")
        # The browser notes what the report was kept from.
        visit.complaints = [one for one in visit.complaints if "runs.json" not in one and "origin" not in one]
        visit.end()


def test_checks_of_expectations_are_shown(reported, browser):
    with serving(reported) as url:
        visit = Visit(browser, f"{url}/#/reviews")
        visit.page.get_by_role("button", name="checks of expect").click()
        row = visit.page.get_by_role("table", name="first rows of expect").locator("tbody tr")
        expect(row).to_contain_text(f"rows {BITES}")
        expect(row).to_contain_text("false")
        visit.end()


def test_no_file_but_a_report_is_shown(reported):
    (reported / "secret.html").write_text("secret")
    with serving(reported) as url:
        assert answer(f"{url}/report?path=reviews&name=review.html") == (200, REPORT)
        for path, name in [
            ("reviews", "../../secret.html"),
            ("reviews", "gone.html"),
            ("..", "a.html"),
            ("nightly", "x"),
        ]:
            assert answer(f"{url}/report?path={path}&name={name}")[0] == 404
        with urllib.request.urlopen(f"{url}/report?path=reviews&name=review.html", timeout=30) as found:
            policy = found.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox allow-scripts; default-src 'none';")


def answer(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_with_a_key_only_those_who_know_it_see_anything(outputs):
    key = "a key that is long enough"
    with serving(outputs, NLPBATCH_RUNS_KEY=key) as url:
        (outputs / "reviews" / "profile").mkdir()
        (outputs / "reviews" / "profile" / "review.html").write_text(REPORT)
        paths = ("/", "/runs.json", "/preview.json?path=reviews&stage=analyze", "/report?path=reviews&name=review.html")
        for path in paths:
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

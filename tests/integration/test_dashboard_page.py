"""The dashboard in a real browser, before a real API under load: its figures, its reach by keyboard, and on a phone.

With NLPBATCH_PICTURES=DIR the pictures of the documentation are made anew.
"""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.fakes.loaded_service import LoadedService

PICTURES = os.environ.get("NLPBATCH_PICTURES")
REFRESH_MS = 2000


@pytest.fixture(scope="module")
def service(api, tmp_path_factory):
    with LoadedService(tmp_path_factory.mktemp("proxy"), api.url).running() as running:
        yield running


class Visit:
    """A page with what the browser complained of and asked for."""

    def __init__(self, browser, url, width=1280, scheme="light"):
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.url, self.complaints, self.asked = url, [], []
        self.page.on("console", lambda one: self.complaints.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{url}/dashboard")
        self.page.wait_for_selector("html[data-ready]")

    def figure(self, name):
        """Return the number that is shown under a name."""
        text = (
            self.page.locator("dl.figures div", has=self.page.locator(f"dt:text-is('{name}')"))
            .locator("dd")
            .inner_text()
        )
        return float(re.match(r"[\d,.]+", text)[0].replace(",", ""))

    def refreshed(self, times=1):
        """Wait until the page has asked so often from now on, and shows the answer."""
        for _ in range(times):
            with self.page.expect_response("**/dashboard.json", timeout=20_000) as answer:
                pass
            answer.value.finished()
        self.page.wait_for_timeout(200)

    def end(self):
        wide = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        foreign = [url for url in self.asked if not url.startswith(self.url + "/")]
        self.page.close()
        assert (self.complaints, wide, foreign) == ([], False, [])


def picture(visit, name, **options):
    if PICTURES:
        visit.page.screenshot(path=str(Path(PICTURES) / name), **options)


def test_under_load_the_figures_are_those_of_the_metrics_within_a_refresh(service, browser):
    with service.load():
        visit = Visit(browser, service.admin_url)
        for _ in range(3):
            before = service.requests_total()
            visit.refreshed(2)  # the first of them may have been asked for before
            shown = visit.figure("requests since the start")
            assert before <= shown <= service.requests_total()
        assert service.answered > 0
        rows = visit.page.locator("#tenants tbody tr:not(.sub)")
        expect(rows).to_have_count(4)  # all together, and each tenant
        expect(visit.page.locator("#jobs tbody tr", has_text="headlines")).to_be_visible()
        if PICTURES:
            time.sleep(40)  # a load worth looking at
        picture(visit, "dashboard.png")
    visit.refreshed(2)
    metrics = service.metrics()
    assert visit.figure("requests since the start") == service.requests_total()
    assert (
        visit.figure("waiting") == sum(value for (name, *_), value in metrics.items() if name == "queue_requests") == 0
    )
    (limit,) = (value for (name, *_), value in metrics.items() if name == "limit")
    at_backends = visit.page.locator("dl.figures div", has_text="at backends").locator("dd")
    expect(at_backends).to_contain_text(f"0 of {limit:.0f}")
    of_news = sum(
        v for (name, *labels), v in metrics.items() if name == "requests_total" and ("tenant", "news") in labels
    )
    expect(visit.page.locator("#tenants tbody tr", has_text="news").first).to_contain_text(
        f"{of_news:,.0f} requests since"
    )
    visit.end()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_who_was_refused_and_why_is_one_click_away(service, browser, width, scheme):
    with service.load():
        until = time.monotonic() + 60
        while service.ask("news", "headlines", 400).status != 429:
            assert time.monotonic() < until
        visit = Visit(browser, service.admin_url, width, scheme)
        visit.refreshed()
        visit.page.locator("#tenants tbody tr", has_text="news").first.get_by_role("button").first.click()
        expect(visit.page.locator("#tenant")).to_have_value("news")
        reasons = visit.page.locator("#refusals table").first
        expect(reasons).to_contain_text("headlines")
        expect(reasons).to_contain_text(re.compile("quota_exceeded|request_too_large"))
        expect(reasons).not_to_contain_text("search")
        expect(visit.page.locator("#refusals table").nth(1)).to_contain_text("tenant news may send 20,000 bytes")
        visit.page.evaluate("scrollTo(0, 0)")
        if width == 400 and scheme == "dark":
            picture(visit, "dashboard-phone.png")
    visit.end()


def test_a_tenant_is_paused_and_resumed_by_keyboard_with_a_question_first(service, browser):
    visit = Visit(browser, service.admin_url)
    pause = visit.page.locator("[data-key='pause web']")
    pause.focus()
    visit.page.keyboard.press("Enter")
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Pause web?")
    visit.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert service.ask("web").status == 200
    pause.focus()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.type("김연산")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#tenants")).to_contain_text("‖ paused")
    assert service.ask("web").json()["code"] == "tenant_paused"
    expect(visit.page.locator("#config table", has_text="tenant.pause")).to_contain_text("김연산")
    visit.page.locator("[data-key='resume web']").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="resume").click()
    expect(visit.page.locator("[data-key='pause web']")).to_be_visible()
    assert service.ask("web").status == 200
    visit.end()


def test_a_key_is_revoked_after_a_question(service, browser):
    key_id = service.http.request("GET", f"{service.admin_url}/keys?tenant=web").json()["keys"][0]["id"]
    visit = Visit(browser, service.admin_url, 400)
    visit.page.locator(f"[data-key='revoke {key_id}']").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="revoke").click()
    expect(visit.page.locator("#keys tbody tr", has_text=key_id)).to_contain_text("revoked")
    assert service.ask("web").status == 401
    visit.end()


@pytest.mark.parametrize("width", [1280, 400])
def test_a_limit_is_tried_before_it_is_live(service, browser, width):
    with service.load():
        time.sleep(3)
    visit = Visit(browser, service.admin_url, width)
    visit.page.get_by_role("link", name="What if").click()
    for number, (limit, value) in enumerate((("bytes_per_s", "50_000"), ("burst_bytes", "500,000"))):
        visit.page.get_by_role("button", name="Add a limit").click()
        visit.page.locator("#edits select").nth(number).select_option(label=f"tenants.search.quota.{limit}")
        visit.page.locator("#edits input").nth(number).fill(value)
    visit.page.get_by_role("button", name="Try it").click()
    answer = visit.page.locator("#answer")
    expect(answer).to_contain_text("▼ loses", timeout=60_000)
    expect(answer.locator("pre")).to_have_text("[tenants.search.quota]\nbytes_per_s = 50_000\nburst_bytes = 500_000\n")
    expect(answer).to_contain_text("requests of 500,000 to 8,388,608 bytes never pass")
    expect(answer.locator("table").nth(1)).to_contain_text("search, batch")
    if width == 1280 and PICTURES:
        visit.page.locator("#what-if").screenshot(path=str(Path(PICTURES) / "dashboard-what-if.png"))
    visit.page.locator("#edits input").first.fill("a lot")
    visit.page.get_by_role("button", name="Try it").click()
    expect(answer).to_contain_text("alot is no number")
    visit.end()


def test_top_follows_in_a_terminal_until_ctrl_c(service):
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "nlpbatch", "top", "--admin", service.admin_url, "--period", "0.2"]
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm"},
        # Started in the background by a shell without job control it would ignore SIGINT.
    )
    os.close(follower)
    said = b""
    while said.count(b"full first") < 3:
        said += os.read(leader, 65_536)
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # the terminal is gone with its last process
        while more := os.read(leader, 65_536):
            said += more
    os.close(leader)
    assert process.wait(60) == 0
    assert said.startswith(b"\x1b[?1049h")
    assert b"\x1b[?1049l" in said  # what was on the terminal before is there again


def test_a_proxy_that_goes_away_is_said_to_be_away(api, browser, tmp_path):
    with LoadedService(tmp_path, api.url).running() as own:
        visit = Visit(browser, own.admin_url)
    expect(visit.page.locator("#status")).to_contain_text(
        "✗ the proxy doesn't answer; these are the figures of", timeout=20_000
    )
    visit.page.close()

"""The page at /docs with functions of one's own and several analyzers."""

import pytest
from playwright.sync_api import expect

from nlpbatch.wire.tags import KIWI_TAGS, TAGSETS
from tests.fakes.docs_page import WIDTHS, Visit
from tests.fakes.own_service import write_config
from tests.fakes.running_api import running_api


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    directory = tmp_path_factory.mktemp("own")
    write_config(directory)
    with running_api("kiwi", directory, (directory / "server.toml").read_text()) as running:
        yield running


@pytest.mark.parametrize("width", WIDTHS)
def test_operations_of_one_s_own_are_called_and_their_results_are_a_table(browser, own, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    visit = Visit(page, own.url)
    choices = page.locator("#operations input")
    expect(choices).to_have_count(1)  # no analyzer here has tokens
    visit.option("operation", "words")
    visit.analyse("하나 Two", "call")
    cells = page.locator(".result-table td")
    expect(page.locator(".result-table th")).to_have_text(["word", "at", "capital"])
    expect(cells).to_have_text(["하나", "0", "false", "Two", "3", "true"])
    visit.option("analyzer", "other")
    visit.option("operation", "size")
    visit.analyse("하나 Two", "call")
    expect(page.locator(".result-table td")).to_have_text(["long", "6", "2"])
    visit.analyse("raise", "call")
    expect(page.locator("#result .error")).to_contain_text("analysis_failed")
    assert not visit.scrolls_sideways()
    assert visit.complaints == []
    page.close()


def test_without_a_key_the_form_has_what_the_description_names(browser, own):
    page = browser.new_page()
    page.route("**/v1/analyzers", lambda route: route.fulfill(status=401, json={"detail": "no key"}))
    visit = Visit(page, own.url)
    expect(page.locator("#operations input")).to_have_count(1)
    visit.option("analyzer", "single")
    assert choices(page, "operation") == ["nest"]
    visit.option("analyzer", "own")
    visit.option("operation", "words")
    visit.analyse("하나 Two", "call")
    expect(page.locator(".result-table th")).to_have_text(["word", "at", "capital"])
    page.close()


def test_a_service_of_kiwi_alone_has_nothing_to_call(visit):
    expect(visit.page.locator("#operation-call")).to_have_count(0)


MIXED = """
[pool]
workers = 1
[analyzers.default]
enabled_dialects = []
[analyzers.fast]
engine = "mecab"
"""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    with running_api("kiwi", tmp_path_factory.mktemp("mixed"), MIXED) as running:
        yield running


def choices(page, option):
    return page.eval_on_selector_all(f"#option-{option} option", "all => all.map(one => one.value)")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_options_are_those_that_the_chosen_analyzer_takes(browser, mixed, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    visit = Visit(page, mixed.url)
    catalogue = {one["name"]: one for one in mixed.get("/v1/analyzers").json()["analyzers"]}

    def shown_fields():
        return {"form", "tag", "start", "end", *choices(page, "fields")}

    assert shown_fields() == set(catalogue["default"]["fields"])
    assert set(choices(page, "tags")) == set(KIWI_TAGS)
    assert choices(page, "allowed_dialects") == ["standard"]
    assert page.locator("#option-typos").count() == 1
    visit.option("tags", ["NNG", "W_URL"])
    visit.option("fields", ["len", "lemma"])
    page.fill("#option-stopwords", "방/NNG")
    page.fill("#option-top_n", "2")
    visit.option("analyzer", "fast")
    assert page.evaluate("document.activeElement.id") == "option-analyzer"
    assert shown_fields() == set(catalogue["fast"]["fields"])
    assert set(choices(page, "tags")) == set(TAGSETS["mecab-ko"])
    for name in ("typos", "top_n", "allowed_dialects", "normalize_coda", "sentences", "candidates"):
        assert page.locator(f"#option-{name}").count() == 0
    # What it takes, too, is kept; and what the page shows is taken.
    visit.analyse("아버지가 방에 들어가신다")
    expect(page.locator(".token .form")).to_have_text("아버지")
    expect(page.locator(".token .extra")).to_have_text("len: 3")
    visit.option("analyzer", "default")
    assert shown_fields() == set(catalogue["default"]["fields"])
    visit.analyse("아버지가 방에 들어가신다")
    expect(page.locator(".token .form")).to_have_text("아버지")
    page.check("#operation-space")
    assert choices(page, "analyzer") == ["default"]
    assert not visit.scrolls_sideways()
    assert visit.complaints == []
    page.close()


def test_the_page_follows_a_service_that_is_still_loading(browser, tmp_path):
    gate = tmp_path / "loaded"
    (tmp_path / "waiting.py").write_text(
        "import os, time\nimport pyarrow as pa\nfrom nlpbatch.engine.functions import Functions, Operation\n"
        "def load():\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "    size = Operation(lambda text: {'long': len(text)}, pa.struct([('long', pa.int32())]))\n"
        "    return Functions({'size': size})\n"
    )
    config = '[pool]\nworkers = 1\n[analyzers.own]\nengine = "python:waiting:load"\n'
    with running_api("kiwi", tmp_path, config, ready=False) as api:
        assert "are still being loaded" in api.get("/openapi.json").json()["info"]["description"]
        page = browser.new_page()
        visit = Visit(page, api.url)
        expect(page.locator("#operation-call")).to_have_count(0)
        gate.touch()
        expect(page.locator("#operation-call")).to_have_count(1, timeout=30_000)
        visit.analyse("가나다", "call")
        expect(page.locator(".result-table td")).to_have_text(["3"])
        page.click("summary:has-text('Result.own.size')")
        expect(page.locator("#operations-table")).to_contain_text("in Arrow struct<long: int32>")
        assert [one for one in visit.complaints if "503" not in one] == []
        page.close()

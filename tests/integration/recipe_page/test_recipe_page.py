"""The page that edits recipes, served and in a real browser: checks while typing, conflicts, who may ask for what."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from tests.fakes.recipe_page import RecipeVisit, ask
from tests.fakes.recipe_page_text import TEXT

BITES = "<img src=x onerror=document.title='bitten'>"
FOCUSED = "(at => at.dataset.key || at.id || at.textContent)(document.activeElement)"


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_value_is_checked_while_it_is_typed_and_the_file_follows(url, browser, width, scheme):
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml", width, scheme)
    visit.page.get_by_role("button", name="+ sample").click()
    rows = visit.field("sample", "rows")
    rows.press_sequentially("3x")
    expect(visit.faults("sample", "rows")).to_have_text("✗ [sample] rows = '3x' is not a whole number from 1")
    expect(rows).to_have_attribute("aria-invalid", "true")
    expect(visit.page.locator("#stages")).to_contain_text("✗ sample")
    rows.press("Backspace")
    expect(visit.faults("sample", "rows")).to_be_empty()
    expect(visit.page.locator("#text")).to_have_value(TEXT.replace("[analyze]", "[sample]\nrows = 3\n\n[analyze]"))
    visit.page.locator("#undo").click()
    expect(visit.page.locator("#text")).not_to_have_value(TEXT.replace("[analyze]", "[sample]\nrows = 3\n\n[analyze]"))
    visit.end()


def test_a_table_is_typed_character_by_character(url, browser):
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.page.get_by_role("button", name="+ clean").click()
    field = visit.field("clean", "length")
    field.press_sequentially("{ min = 2")
    expect(visit.faults("clean", "length")).to_contain_text("✗ not TOML: ")
    visit.field("clean", "html").select_option("false")  # meanwhile, the half stays where it is
    expect(field).to_have_value("{ min = 2")
    expect(visit.page.locator("#text")).to_have_value(TEXT.replace("[analyze]", "[clean]\nhtml = false\n\n[analyze]"))
    field.press_sequentially(", max = 1 }")
    expect(visit.faults("clean", "length")).to_contain_text("is not a range of whole numbers")
    field.fill("{ min = 2 }")
    expect(visit.faults("clean", "length")).to_be_empty()
    expect(visit.page.locator("#text")).to_have_value(
        TEXT.replace("[analyze]", "[clean]\nhtml = false\nlength = { min = 2 }\n\n[analyze]")
    )
    visit.end()


def test_a_stage_without_its_input_is_refused_with_the_remedy_as_a_button(url, browser):
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.page.get_by_role("button", name="+ profile").click()
    expect(visit.page.locator("#stages")).to_contain_text("needs sample, which isn't there")
    expect(visit.page.locator("#form")).to_contain_text("[profile] reports on a sample: add [sample]")
    visit.page.locator("#write").click()
    expect(visit.page.locator("#written")).to_contain_text("wasn't written, because no command would take it")
    visit.page.get_by_role("button", name="Add sample").click()
    expect(visit.page.locator("#stages")).not_to_contain_text("fault")
    visit.page.get_by_role("button", name="Remove sample").click()
    expect(visit.page.locator("#stages")).to_contain_text("needs sample")
    visit.end(422)


def test_what_someone_else_has_written_is_shown_and_not_lost(url, browser, recipes):
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.stage("sink").click()
    visit.field("sink", "path").fill("mine")
    (recipes / "a.toml").write_text(TEXT + "# theirs\n", encoding="utf-8")
    visit.page.locator("#write").click()
    expect(visit.page.locator("#conflict")).to_contain_text("a.toml was changed by someone else meanwhile")
    expect(visit.page.locator("#conflict pre")).to_contain_text("-# theirs")
    assert (recipes / "a.toml").read_text(encoding="utf-8") == TEXT + "# theirs\n"
    visit.page.get_by_role("button", name="Take their version").click()
    expect(visit.page.locator("#text")).to_have_value(TEXT + "# theirs\n")
    visit.field("sink", "path").fill("both")
    expect(visit.page.locator("#text")).to_have_value(TEXT.replace('"out"', '"both"') + "# theirs\n")
    visit.page.locator("#write").click()
    expect(visit.page.locator("#written")).to_contain_text("Written")
    assert (recipes / "a.toml").read_text(encoding="utf-8") == TEXT.replace('"out"', '"both"') + "# theirs\n"
    visit.end(409)


def test_all_of_it_is_done_by_keyboard(url, browser):
    visit = RecipeVisit(browser, f"{url}/recipes")
    keys = visit.page.keyboard

    def walk(wanted):
        for _ in range(60):
            keys.press("Tab")
            if visit.page.evaluate(FOCUSED) == wanted:
                return
        pytest.fail(f"{wanted} isn't reached")

    walk("a.toml")
    keys.press("Enter")
    visit.page.wait_for_selector("#stages .box")
    walk("add sample")
    keys.press("Enter")
    expect(visit.page.locator("#form h3")).to_have_text("[sample]")
    walk("sample.seed")
    keys.type("-1")
    expect(visit.faults("sample", "seed")).to_contain_text("seed = -1 is not a whole number from 0")
    walk("remove sample")
    keys.press("Enter")
    expect(visit.page.locator("#text")).to_have_value(TEXT)
    visit.end()


def test_names_with_markup_are_shown_as_they_are(url, browser, recipes):
    (recipes / "bites.toml").write_text(
        f'{TEXT}"{BITES}" = 1\n[clean]\ncolumns = "{BITES}"\n["{BITES}"]\n', encoding="utf-8"
    )
    visit = RecipeVisit(browser, f"{url}/recipes#/bites.toml")
    expect(visit.page.locator("#file-faults")).to_contain_text(f"unknown section [{BITES}]")
    visit.stage("sink").click()
    expect(visit.page.locator("#form")).to_contain_text("✗ [sink] has an unknown key")
    visit.stage("clean").click()
    expect(visit.field("clean", "columns")).to_have_value(BITES)
    visit.end()


def test_values_of_placeholders_are_asked_for_and_part_of_the_command(url, browser, recipes):
    (recipes / "a.toml").write_text(TEXT.replace('"out"', '"out/{{ ds }}"'), encoding="utf-8")
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.stage("sink").click()
    expect(visit.faults("sink", "path")).to_contain_text("which isn't set: give --set ds=2026-11-30")
    visit.page.get_by_label("--set ds").fill("soon")
    expect(visit.page.locator("#variable-faults")).to_contain_text("--set ds=soon: not a date")
    visit.page.get_by_label("--set ds").fill("today")
    expect(visit.faults("sink", "path")).to_be_empty()
    expect(visit.page.locator("#command")).to_have_text(
        f"cd {recipes.parent} && nlpbatch run {recipes}/a.toml --set ds=today"
    )
    visit.page.locator("#try").click()
    expect(visit.page.locator("#refusal")).to_have_text("--on sample needs to know which: add [sample] to the recipe")
    visit.end(422)


def test_after_a_look_at_the_files_columns_are_checked_while_typing(url, browser, recipes):
    pq.write_table(pa.table({"id": [1, 2], "text": [BITES, "나"]}), recipes.parent / "in.parquet")
    (recipes / "a.toml").write_text(TEXT.replace("in.jsonl", "in.parquet"), encoding="utf-8")
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    visit.page.get_by_role("button", name="Look at the files").click()
    expect(visit.page.get_by_role("table", name="some rows of the files")).to_contain_text(BITES)
    visit.stage("analyze").click()
    visit.field("analyze", "columns").fill("txt")
    fault = "✗ [analyze] columns: the source has no column 'txt': did you mean text?"
    expect(visit.faults("analyze", "columns")).to_have_text(fault)
    visit.field("analyze", "columns").fill("text")
    expect(visit.faults("analyze", "columns")).to_be_empty()
    visit.end()


def test_line_ends_of_a_file_stay_whatever_is_typed(url, browser, recipes):
    (recipes / "a.toml").write_bytes(TEXT.replace("\n", "\r\n").encode())
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    text = visit.page.locator("#text")
    expect(text).to_have_value(TEXT)
    expect(visit.page.locator("#written")).to_have_text("as in the file")
    text.fill(TEXT.replace("by hand", "by many hands\n# and more"))
    visit.page.locator("#write").click()
    expect(visit.page.locator("#written")).to_contain_text("Written")
    wanted = TEXT.replace("by hand", "by many hands\n# and more").replace("\n", "\r\n").encode()
    assert (recipes / "a.toml").read_bytes() == wanted
    visit.end()


def test_a_link_that_is_none_leads_to_the_list(url, browser):
    for page in ("recipes", ""):
        visit = RecipeVisit(browser, f"{url}/{page}#/%")
        expect(visit.page.get_by_role("table")).to_be_visible() if page else None
        assert visit.complaints == []
        visit.context.close()


def test_what_is_asked_of_one_recipe_changes_no_other_that_was_opened_meanwhile(url, browser, recipes):
    (recipes / "b.toml").write_text(TEXT + "# b\n", encoding="utf-8")
    visit = RecipeVisit(browser, f"{url}/recipes#/a.toml")
    page = visit.page
    page.locator("#text").fill(TEXT + "# a\n")
    held = []

    def hold(route):
        held.append(route)

    page.route("**/recipes/write", hold)
    page.locator("#write").click()
    page.wait_for_timeout(300)
    page.goto(f"{url}/recipes#/b.toml")
    expect(page.locator("#text")).to_have_value(TEXT + "# b\n")
    (route,) = held
    with page.expect_response("**/recipes/write"):
        route.continue_()
    expect(page.locator("#written")).to_have_text("as in the file")
    page.goto(f"{url}/recipes#/a.toml")
    expect(page.locator("#text")).to_have_value(TEXT + "# a\n")
    expect(page.locator("#written")).to_have_text("as in the file")
    assert (recipes / "a.toml").read_text(encoding="utf-8") == TEXT + "# a\n"
    visit.end()


def test_unless_asked_for_there_is_no_such_page(tmp_path):
    command = [sys.executable, "-m", "nlpbatch", "runs", str(tmp_path), "--serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{json.loads(process.stderr.readline())['port']}"
            assert ask(f"{url}/recipes")[0] == ask(f"{url}/recipes/write", {})[0] == 404
            assert "recipes" not in ask(url)[1].partition("<script")[0]
        finally:
            process.terminate()
    for arguments, says in (
        (["--recipes", "."], "--recipes belongs to --serve"),
        (["--serve", "--recipes", "/nowhere/at/all"], "is no directory"),
        (["--serve", "--recipes", ".", "--host", "0.0.0.0"], "set $NLPBATCH_RUNS_KEY"),
    ):
        said = subprocess.run([*command[:4], str(tmp_path), *arguments], capture_output=True, text=True, check=False)
        assert (said.returncode, says in said.stderr) == (2, True), said.stderr

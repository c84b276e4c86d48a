"""The page that edits recipes, served and in a real browser: checks while typing, conflicts, who may ask for what."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from tests.fakes.recipe_page import RecipeVisit, ask, serving_recipes, token_of

BITES = "<img src=x onerror=document.title='bitten'>"
TEXT = """\
# Ours, by hand
[source]
files = "in.jsonl"

[analyze]
columns = ["text"] # one

[sink]
path = "out"
"""
FOCUSED = "(at => at.dataset.key || at.id || at.textContent)(document.activeElement)"
NESTED = []
for _ in range(400):
    NESTED = [NESTED]
POSTS = ("draft", "source", "write", "trial", "stop")
GETS = (
    "",
    "/list.json",
    "/recipe.json?name=a.toml",
    "/trial.json?name=a.toml",
    "/result.json?name=a.toml&stage=dump",
    "/report?name=a.toml&column=text",
    "/static/editor.js",
)


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "recipes" / "a.toml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "outside.toml").write_text(TEXT, encoding="utf-8")
    return tmp_path / "recipes"


@pytest.fixture
def url(recipes):
    with serving_recipes(recipes, recipes.parent / "out") as found:
        yield found


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


def test_a_name_that_leads_elsewhere_is_refused_by_the_page_and_by_what_it_asks(url, browser):
    visit = RecipeVisit(browser, f"{url}/recipes#/..%2Foutside.toml")
    expect(visit.page.locator("#failure")).to_contain_text("is no name of a recipe")
    visit.end(422)
    for name in ("../outside.toml", "/etc/passwd", "x/../../outside.toml"):
        assert ask(f"{url}/recipes/recipe.json?name={name}")[0] == 422
        for path in ("draft", "write", "trial"):
            assert ask(f"{url}/recipes/{path}", {"name": name, "text": TEXT, "digest": None})[0] == 422


def test_pages_of_other_sites_and_other_names_change_nothing(url, recipes):
    body = {"name": "new.toml", "text": TEXT, "digest": None}
    host = url.removeprefix("http://")
    for headers, status in (
        ({"Origin": "http://evil.example"}, 400),
        ({"Origin": "null"}, 400),
        ({"Sec_Fetch_Site": "cross-site"}, 400),
        ({"Sec_Fetch_Site": "same-site", "Origin": url}, 400),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Host": "evil.example"}, 404),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 404),
    ):
        for path in POSTS:
            assert ask(f"{url}/recipes/{path}", body, **headers)[0] == status, (path, headers)
    assert [file.name for file in recipes.iterdir()] == ["a.toml"]
    assert ask(f"{url}/recipes/write", body, Origin=f"http://{host}", Sec_Fetch_Site="same-origin")[0] == 200
    assert ask(f"{url}/recipes/list.json", Host="evil.example")[0] == 404


def test_with_a_key_nobody_else_sees_or_does_anything(recipes):
    key = "a key that is long enough"
    with serving_recipes(recipes, recipes.parent / "out", NLPBATCH_RUNS_KEY=key) as url:
        for path in GETS:
            assert ask(f"{url}/recipes{path}")[0] == ask(f"{url}/recipes{path}", Authorization="Bearer wrong")[0] == 401
            assert ask(f"{url}/recipes{path}", Authorization=f"Bearer {key}")[0] in {200, 422}
        body = {"name": "new.toml", "text": TEXT, "digest": None}
        for path in POSTS:
            assert ask(f"{url}/recipes/{path}", body)[0] == 401
        assert not (recipes / "new.toml").exists()
        known = {"Authorization": f"Bearer {key}"}
        assert ask(f"{url}/recipes/write", body, Origin="http://evil.example", **known)[0] == 400
        assert ask(f"{url}/recipes/write", body, **known)[0] == 200


def test_without_the_token_of_this_start_no_other_user_of_the_machine_sees_or_does_anything(url, browser, recipes):
    body = {"name": "new.toml", "text": TEXT, "digest": None}
    for wrong in ("Bearer wrong", "Basic eDp3cm9uZw=="):
        for path in ("", *(f"recipes{one}" for one in GETS), "runs.json", "preview.json?path=", "report?path=&name=x"):
            assert ask(f"{url}/{path}", Authorization=wrong)[0] == 401, path
        for path in POSTS:
            assert ask(f"{url}/recipes/{path}", body, Authorization=wrong)[0] == 401
    assert not (recipes / "new.toml").exists()
    assert ask(f"{url}/runs.json")[0] == 200
    page = browser.new_context().new_page()
    assert page.goto(f"{url}/recipes").status == 401
    assert "open the address that nlpbatch runs printed" in page.inner_text("body")
    page.goto(f"{url}/recipes?token={token_of(f'{url}/')}#/a.toml")
    expect(page.locator("#name")).to_have_text("a.toml")
    assert page.url == f"{url}/recipes#/a.toml"
    assert page.evaluate("document.cookie") == ""
    page.context.close()


def test_an_address_without_a_valid_key_is_bounded(recipes):
    key = "a key that is long enough"
    with serving_recipes(recipes, recipes.parent / "out", NLPBATCH_RUNS_KEY=key) as url:
        statuses = [ask(f"{url}/runs.json", Authorization="Bearer wrong")[0] for _ in range(130)]
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert ask(f"{url}/runs.json", Authorization=f"Bearer {key}")[0] == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("draft", []),
        ("draft", {"name": "a.toml"}),
        ("draft", {"name": "a.toml", "text": 3}),
        ("draft", {"name": "a.toml", "text": "", "edits": [{"section": "sample"}]}),
        ("draft", {"name": "a.toml", "text": "", "edits": [{"section": "sample", "key": 3, "typed": ""}]}),
        ("draft", {"name": "a.toml", "text": "", "variables": {"ds": 3}}),
        ("write", {"name": "a.toml", "text": TEXT, "digest": 3}),
        ("stop", {}),
        ("draft", {"name": "a.toml", "text": "# \ud83d"}),
        ("write", {"name": "a.toml", "text": TEXT + "# \ud83d", "digest": None}),
        ("draft", {"name": "a.toml", "text": NESTED}),
    ],
)
def test_a_body_that_is_no_request_is_said_to_be_none(url, path, body):
    status, said = ask(f"{url}/recipes/{path}", body)
    assert (status, json.loads(said)["code"]) == (400, "invalid_request")


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

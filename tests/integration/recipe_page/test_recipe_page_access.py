"""Who may see and do what on the page that edits recipes."""

import json

import pytest
from playwright.sync_api import expect

from tests.fakes.recipe_page import RecipeVisit, ask, serving_recipes, token_of
from tests.fakes.recipe_page_text import TEXT

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

"""The page at /docs, used in a real browser as people use it."""

import pytest
from playwright.sync_api import expect

from tests.fakes.docs_page import Visit

TEXT = "아버지가 방에 들어가신다"


def test_a_sentence_is_analysed_and_its_tokens_are_shown_under_their_syllables(visit, kiwi):
    visit.analyse(TEXT)
    expect(visit.page.locator(".token").first).to_be_visible()
    expected = [(token.form, token.tag, token.start, token.end) for token in kiwi.tokenize(TEXT)]
    assert visit.tokens() == expected
    father = visit.page.locator(".token", has_text="아버지").first
    expect(father.locator(".korean")).to_have_text("일반 명사")
    expect(father.locator(".english")).to_have_text("common noun")
    assert "noun" in father.get_attribute("class")
    assert visit.complaints == []


# Token, and the first and last piece of text that it covers; the ending shares a syllable with the token before it.
@pytest.mark.parametrize(("form", "first", "last"), [("아버지", "아버지", "아버지"), ("ᆫ다", "신", "다")])
def test_a_token_is_below_the_text_that_it_covers(visit, form, first, last):
    visit.analyse(TEXT)
    token = visit.page.locator(".token").filter(has=visit.page.locator(f".form:text-is('{form}')")).bounding_box()
    left, right = (visit.page.locator(f".segment:text-is('{text}')").bounding_box() for text in (first, last))
    assert token["y"] >= left["y"] + left["height"]
    assert token["x"] == pytest.approx(left["x"], abs=2)
    assert token["x"] + token["width"] == pytest.approx(right["x"] + right["width"], abs=2)


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧‍👦 가족이 갔다", "가" * 300, "나다", "했었었다 하얬다", "a" * 500, "안녕\n\n하세요 <b>굵게</b>"]
)
def test_any_text_has_all_of_its_tokens_on_the_page(visit, kiwi, text):
    visit.analyse(text)
    expect(visit.page.locator(".facts")).to_be_visible()
    assert [token[2:] for token in visit.tokens()] == sorted((one.start, one.end) for one in kiwi.tokenize(text))
    assert visit.complaints == []


def test_question_and_answer_are_shown_as_they_were_sent(visit, api):
    visit.analyse(TEXT)
    visit.page.click("summary:has-text('Question as JSON')")
    visit.page.click("summary:has-text('Answer as JSON')")
    question, answer = visit.page.locator("#result pre").all()
    expect(question).to_contain_text('POST /v1/analyze\n{\n  "texts": [')
    expect(answer).to_contain_text(api.ask({"texts": [TEXT]}).json()["fingerprint"])


def test_options_are_those_of_the_operation_and_are_sent(visit):
    visit.option("tags", ["NNG"])
    visit.option("fields", ["lemma"])
    visit.analyse(TEXT)
    expect(visit.page.locator(".token")).to_have_count(2)
    expect(visit.page.locator(".extra").first).to_have_text("lemma: 아버지")
    visit.page.check("#operation-space")
    assert visit.page.locator("#option-tags").count() == 0
    assert visit.page.locator("#option-reset_whitespace").count() == 1


def test_candidates_are_shown_one_after_the_other(visit):
    visit.page.click("#options-box > summary")
    visit.page.fill("#option-top_n", "2")
    visit.analyse(TEXT)
    expect(visit.page.locator("#result h3")).to_have_count(2)
    expect(visit.page.locator("#result h3").first).to_contain_text("Candidate 1")


def test_sentences_are_listed(visit):
    visit.analyse("안녕하세요. 반갑습니다.", "sentences")
    expect(visit.page.locator(".sentences li")).to_have_text(["안녕하세요. 0 to 6", "반갑습니다. 7 to 13"])
    assert visit.complaints == []


def test_spacing_is_corrected_and_what_was_changed_is_marked(visit, kiwi):
    text = "아버지가방에 들어 가신다"
    visit.analyse(text, "space")
    expect(visit.page.locator(".spaced")).to_have_text(kiwi.space(text))
    expect(visit.page.locator(".changes ins").first).to_be_visible()


def test_the_error_of_a_request_is_shown_with_its_code_and_path(visit):
    visit.page.click("#options-box > summary")
    visit.page.fill("#option-blocklist", "가" * 101)
    visit.analyse(TEXT)
    expect(visit.page.locator("#failure")).to_contain_text(
        "400 invalid_request: blocklist has an entry of 101 code points"
    )
    expect(visit.page.locator("#failure")).to_contain_text("at /blocklist")
    expect(visit.page.locator("#result")).to_be_empty()


def test_the_error_of_a_document_is_shown(visit):
    visit.analyse("가" * 20_000)
    expect(visit.page.locator("#result .error")).to_contain_text("text_too_large: the text has 60,000 bytes")


def test_a_service_that_cannot_be_reached_is_said_to_be_so(visit):
    visit.page.route("**/v1/analyze", lambda route: route.abort())
    visit.analyse(TEXT)
    expect(visit.page.locator("#failure")).to_contain_text("could not be reached")


def test_the_key_is_sent_and_kept_nowhere(visit):
    visit.page.click("summary:has-text('Access key')")
    visit.page.fill("#key", "secret-key")
    with visit.page.expect_request("**/v1/analyze") as asked:
        visit.analyse(TEXT)
    assert asked.value.headers["authorization"] == "Bearer secret-key"
    assert visit.page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    assert all("secret-key" not in url for url in visit.requests)


def test_behind_a_router_the_proxy_asks_for_the_key_and_takes_it(browser, stack):
    page = browser.new_page()
    page.route(
        "**/v1/*", lambda route: route.continue_(url=stack.service + "/v1/" + route.request.url.rpartition("/")[2])
    )
    visit = Visit(page, stack.api)
    visit.analyse(TEXT)
    expect(page.locator("#failure")).to_contain_text("401 unauthenticated")
    expect(page.locator("#failure")).to_contain_text("enter a key under")
    page.click("summary:has-text('Access key')")
    page.fill("#key", stack.api_key)
    visit.analyse(TEXT)
    expect(page.locator("#failure")).to_be_empty()
    expect(page.locator(".facts")).to_contain_text("admission")
    page.close()


def test_it_is_used_with_the_keyboard_alone(visit):
    visit.page.focus("#operation-analyze")
    visit.page.keyboard.press("ArrowRight")
    assert visit.page.is_checked("#operation-sentences")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Control+A")
    visit.page.keyboard.insert_text("안녕. 잘 가.")
    visit.page.keyboard.press("Control+Enter")
    expect(visit.page.locator(".sentences li")).to_have_count(2)


def test_the_reference_shows_every_operation_with_its_options_and_errors(visit, api):
    description = api.get("/openapi.json").json()
    count = sum(len(methods) for methods in description["paths"].values())
    expect(visit.page.locator("#operations-table .method")).to_have_count(count)
    visit.page.click("summary:has-text('/v1/analyze')")
    first = visit.page.locator("#operations-table .operation").first
    expect(first).to_contain_text("normalize_coda")
    expect(first).to_contain_text("fingerprint_mismatch")
    visit.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
    assert visit.complaints == []


@pytest.mark.parametrize("path", ["/docs", "/docs/docs.js", "/openapi.json"])
def test_what_a_browser_has_is_not_sent_again(api, path):
    first = api.get(path)
    assert "default-src 'none'" in first.headers["Content-Security-Policy"]
    again = api.http.request("GET", api.url + path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.data) == (304, b"")


def test_only_the_page_s_own_files_are_served(api):
    assert api.get("/docs/../main.py").status == 404
    assert api.get("/docs/%2e%2e/main.py").status == 404
    assert api.get("/docs/unknown.js").status == 404


def test_morphemes_are_joined_and_chunks_are_glued(visit):
    visit.analyse("덥/VA 어/EC", "join")
    expect(visit.page.locator(".spaced")).to_have_text("더워")
    visit.analyse("그 봉\n지 안에 있던 것은", "glue")
    expect(visit.page.locator(".spaced")).to_have_text("그 봉지 안에 있던 것은")
    assert visit.complaints == []


def test_own_stop_words_and_typos_are_sent(visit):
    visit.page.click("#options-box > summary")
    visit.page.fill("#option-stopwords", "방/NNG, 에/JKB")
    visit.page.select_option("#option-typos", "basic")
    visit.page.fill("#option-typo_cost_threshold", "1.5")
    visit.analyse("아버지가 방에")
    expect(visit.page.locator(".token")).to_have_count(2)

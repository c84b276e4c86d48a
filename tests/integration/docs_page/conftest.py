import pytest

from tests.fakes.docs_page import WIDTHS, Visit


@pytest.fixture(params=WIDTHS)
def visit(browser, api, request):
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    visiting = Visit(page, api.url)
    yield visiting
    assert not visiting.scrolls_sideways()
    assert [url for url in visiting.requests if not url.startswith(api.url + "/")] == []
    page.close()

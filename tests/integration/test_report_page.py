"""The report of a sample in a real browser: it needs nothing else, draws all its charts, and fits a phone."""

import pytest

from nlpbatch.client.sync import Client
from nlpbatch.profile import ProfileColumns, page, report
from nlpbatch.sampling import SampleOptions, sample

WIDTHS = (1280, 400)


@pytest.fixture(scope="module")
def file(stack, reviews, tmp_path_factory):
    drawn = sample(str(reviews), SampleOptions(rows=10_000, seed=1, read_share=1.0))
    with Client(stack.service, api_key=stack.api_key) as client:
        found = report(drawn, ProfileColumns("review", "rating", "movie_id", "date"), client, tokens=1_000)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(found), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", WIDTHS)
def test_all_charts_are_drawn_within_the_page_and_nobody_complains(browser, file, width):
    assert file.stat().st_size < 5_000_000
    opened, complaints, asked = browser.new_page(viewport={"width": width, "height": 900}), [], []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    count = opened.evaluate("Object.keys(specs).length")
    opened.wait_for_function("count => document.querySelectorAll('.chart svg').length === count", arg=count)
    widths = opened.eval_on_selector_all(".chart svg", "charts => charts.map(chart => chart.clientWidth)")
    assert count >= 10
    assert all(250 <= one <= width for one in widths)
    assert not opened.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert complaints == []
    assert asked == [file.as_uri()]
    opened.close()

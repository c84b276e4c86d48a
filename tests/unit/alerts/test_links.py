import pytest

from nlpbatch.alerts.links import path_below, report_links, run_link


@pytest.mark.parametrize(
    ("directory", "output", "path"),
    [
        ("hdfs:///out", "hdfs:///out/a/b", "a/b"),
        ("hdfs:///out/", "hdfs:///out/a/", "a"),
        ("/out", "/out", ""),
        ("/out", "/outer/a", None),
        ("/out", "hdfs:///out/a", None),
        ("/", "/a", "a"),
    ],
)
def test_the_path_of_a_run_is_that_below_the_directory_of_the_page(directory, output, path):
    assert path_below(directory, output) == path


def test_a_link_leads_to_the_run_or_to_the_page_or_nowhere():
    assert run_link("https://runs", "/out", "/out/date=1/é") == "https://runs/#/date%3D1%2F%C3%A9"
    assert run_link("https://runs/", None, "/out/a") == "https://runs/"
    assert run_link(None, None, "/out/a") is None


def test_reports_are_on_the_page_or_where_they_are():
    files = ["hdfs:///out/a/profile/my review.html"]
    assert report_links("https://runs/", "hdfs:///out", "hdfs:///out/a", files) == (
        "https://runs/report?path=a&name=my%20review.html",
    )
    assert report_links(None, None, "hdfs:///out/a", files) == tuple(files)

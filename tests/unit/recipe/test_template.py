import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.template import RecipeTemplate

TEXT = """
[source]
files = "/in/dt={{ ds }}"
[analyze]
columns = ["review"]
[sink]
path = "hdfs:///out/reviews/date={{ ds_nodash }}"
"""


@pytest.fixture
def template(tmp_path):
    def make(text=TEXT):
        (tmp_path / "r.toml").write_text(text)
        return RecipeTemplate.read(tmp_path / "r.toml")

    return make


def test_it_knows_what_it_needs_and_where_all_of_its_output_is(template):
    found = template()
    assert (found.variables, found.is_dated, found.output) == ({"ds"}, True, "hdfs:///out/reviews")
    assert found.fill({"ds": "2026-11-01"}).sink.path == "hdfs:///out/reviews/date=20261101"
    plain = template(TEXT.replace("{{ ds }}", "1").replace("/date={{ ds_nodash }}", "/"))
    assert (plain.variables, plain.is_dated, plain.output) == (frozenset(), False, "hdfs:///out/reviews")


def test_what_is_wrong_with_it_is_seen_before_there_is_a_date(template):
    assert template().example({}).source.files == "/in/dt=2000-01-01"
    with pytest.raises(ConfigError, match="unknown key 'colums'"):
        template(TEXT.replace("columns", "colums")).example({})


def test_its_digest_is_that_of_what_it_says_not_of_how_it_is_written(template):
    digest = template().digest
    assert template(f"# a comment\n{TEXT}\n\n").digest == digest
    assert template(TEXT.replace('review"]', 'title"]')).digest != digest

"""What the page shows of what a trial's stages made: rows, checks and reports, of this recipe's output alone."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.results import report_of, result_of
from nlpbatch.recipe.recipe_file import Recipe


@pytest.fixture
def output(tmp_path):
    for name in ("sample", "profile", "on-sample/cleaned", "on-sample/expect"):
        (tmp_path / "out" / name).mkdir(parents=True)
    pq.write_table(pa.table({"text": ["가"]}), tmp_path / "out" / "sample" / "sample.parquet")
    pq.write_table(pa.table({"text": ["나"]}), tmp_path / "out" / "on-sample" / "cleaned" / "part-0.parquet")
    (tmp_path / "out" / "profile" / "text.html").write_text("<h1>text</h1>")
    (tmp_path / "secret.html").write_text("secret")
    return tmp_path / "out"


@pytest.fixture
def recipe(output):
    columns = ["text", "../../secret", "body"]
    members = {"source": {"files": "a"}, "analyze": {"columns": columns}, "sink": {"path": str(output)}}
    return Recipe.draft(members)[0]


def checks(output, *found):
    shown = [{"name": name, "found": 0.1, "min": None, "max": 0.5, "holds": True} for name in found]
    (output / "on-sample" / "expect" / "expect.json").write_text(json.dumps({"checks": shown}))


def test_rows_of_the_sample_and_of_what_was_made_of_it(recipe):
    assert result_of(recipe, "sample")["rows"] == [["가"]]
    assert result_of(recipe, "clean")["rows"] == [["나"]]


def test_checks_are_rows_and_none_says_why(recipe, output):
    with pytest.raises(ConfigError, match="has no checks yet"):
        result_of(recipe, "expect")
    checks(output, "null_share text")
    assert result_of(recipe, "expect")["rows"] == [["null_share text", 0.1, None, 0.5, True]]
    checks(output)
    with pytest.raises(ConfigError, match=r"checks nothing on a sample: \[expect\] rows"):
        result_of(recipe, "expect")


def test_a_report_is_that_of_a_text_column_and_no_other_file(recipe):
    assert result_of(recipe, "profile") == {"reports": ["text"]}
    assert report_of(recipe, "text") == b"<h1>text</h1>"
    for column in ("../../secret", "..", "body/../text", "gone"):
        with pytest.raises(ConfigError, match="there is no report"):
            report_of(recipe, column)
    with pytest.raises(ConfigError, match=r"has no report 'body\.html': choose from text\.html"):
        report_of(recipe, "body")

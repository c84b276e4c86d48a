"""What a recipe reads is looked at without Spark; from then on its columns are checked with the words of a run."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.sources import Sources
from nlpbatch.recipe.recipe_file import Recipe


@pytest.fixture
def files(tmp_path):
    rows = 50
    table = pa.table({"id": list(range(rows)), "review": ["좋다"] * rows, "stars": pa.array([5] * rows, pa.int8())})
    pq.write_table(table, tmp_path / "some.parquet")
    return tmp_path / "some.parquet"


def recipe(files, **sections):
    members = {"source": {"files": str(files)}, "analyze": {"columns": ["review"]}, "sink": {"path": "out"}}
    found, _ = Recipe.draft(members | sections)
    return found


def test_ten_rows_are_shown_without_what_a_sample_adds(files):
    seen = Sources().look(recipe(files))
    assert (seen["columns"], len(seen["rows"])) == (["id", "review", "stars"], 10)
    assert seen["rows"][0][1:] == ["좋다", 5]


def test_columns_of_parquet_are_checked_once_they_were_looked_at(files):
    sources, wrong = (
        Sources(),
        recipe(files, analyze={"columns": ["reviw"]}, features={"id": "stars", "label": "label"}),
    )
    assert sources.faults(wrong) == []
    sources.look(wrong)
    said = [(str(fault).partition(": ")[2], fault.section, fault.key) for fault in sources.faults(wrong)]
    assert said == [
        ("the source has no column 'reviw': did you mean review?", "analyze", "columns"),
        ("the source has no column 'label': choose from id, review, stars", "features", "label"),
    ]
    typed = sources.faults(recipe(files, analyze={"columns": ["stars"]}))
    assert typed == ["[analyze] columns: column 'stars' is tinyint, not text: choose another"]
    assert sources.faults(recipe(files)) == []
    assert sources.faults(recipe(files, join={"table": "t", "on": "id"}, analyze={"columns": ["title"]})) == []


def test_columns_that_only_spark_knows_are_left_to_it(tmp_path):
    (tmp_path / "some.jsonl").write_text('{"review": "좋다"}\n' * 3, encoding="utf-8")
    sources, wrong = Sources(), recipe(tmp_path / "some.jsonl", analyze={"columns": ["text"]})
    assert sources.look(wrong)["columns"] == ["review"]
    assert sources.faults(wrong) == []


def test_what_cannot_be_looked_at_is_said(tmp_path):
    with pytest.raises(ConfigError, match="try the recipe on the sample"):
        Sources().look(recipe("", source={"table": "t"}))
    with pytest.raises(ConfigError, match="isn't there: check the path"):
        Sources().look(recipe(tmp_path / "nowhere"))

"""Recipes on a real Spark with a real service: stages in order, what is done, what is stale, what is refused."""

import json

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe import Recipe, RecipeRun, RunOptions

ROWS = 600


@pytest.fixture(scope="module")
def view(spark, reviews):
    """Some reviews as a table that SQL can name."""
    table = pq.read_table(reviews).slice(0, ROWS)
    spark.createDataFrame(table.to_pandas()).createOrReplaceTempView("reviews")
    return table


@pytest.fixture
def recipe(tmp_path):
    def make(**changes):
        sections = {
            "source": {"sql": "SELECT review_id, review, rating, date FROM reviews"},
            "sample": {"rows": 200, "read_share": 1.0},
            "profile": {"label": "rating", "date": "date", "tokens": 100},
            "analyze": {"columns": ["review"]},
            "features": {"id": "review_id", "label": "rating", "ngrams": 2},
            "sink": {"path": str(tmp_path / "out")},
        }
        for name, members in changes.items():
            sections[name] = members if name == "source" else sections[name] | members
        return Recipe.check(sections)

    return make


@pytest.fixture
def go(spark, stack, view):
    """Return what runs a recipe, and returns what it said."""

    def call(recipe, **options):
        said = []
        given = {"service": stack.service, "api_key": stack.api_key} | options
        RecipeRun(spark, recipe, RunOptions(**given), said.append).run()
        return said

    return call


def done(said):
    return {line.partition(":")[0]: line.partition(": ")[2].partition(" ")[0] for line in said}


def test_from_a_query_to_features_and_nothing_twice(go, recipe, tmp_path, view):
    said = go(recipe(), dry_run=True)
    assert [line for line in said if "to do" in line] == [
        f"{stage}: to do" for stage in ("dump", "sample", "profile", "analyze", "features")
    ]
    assert not (tmp_path / "out" / "dump").exists()

    go(recipe())
    out = tmp_path / "out"
    manifest = json.loads((out / "dump" / "_manifest.json").read_text())
    assert manifest["rows"] == ROWS
    assert "SELECT" in manifest["query"]
    assert (out / "profile" / "review.html").stat().st_size < 5_000_000
    rows = ds.dataset(out / "features", partitioning="hive").to_table()
    assert sorted(rows["review_id"].to_pylist()) == sorted(view["review_id"].to_pylist())
    assert set(rows["split"].to_pylist()) == {"train", "validation", "test"}
    described = json.loads((out / "features" / "_nlpbatch" / "features.json").read_text())
    vocabulary = [
        json.loads(line) for line in (out / "features" / "_nlpbatch" / "vocabulary.jsonl").read_text().splitlines()
    ]
    assert described["vocabulary"] == len(vocabulary) > 100
    assert len(described["fingerprint"]) == 32
    check_sequences(rows, out, vocabulary)

    assert set(done(go(recipe())).values()) == {"done"}
    assert all("done already" in line for line in go(recipe()))

    changed = go(recipe(features={"ngrams": 1}))
    assert "features: stale, ngrams was 2, is 1" in changed
    assert [line for line in changed if "done already" in line] == [
        f"{stage}: done already" for stage in ("dump", "sample", "profile", "analyze")
    ]


def check_sequences(rows, out, vocabulary):
    """A row's sequence is its lemmas' numbers."""
    numbers = {one["term"]: one["sequence"] for one in vocabulary}
    analysed = ds.dataset(out / "analyzed", partitioning="hive").to_table(columns=["review_id", "tokens"])
    lemmas = {row["review_id"]: [token["lemma"] for token in row["tokens"] or ()] for row in analysed.to_pylist()}
    for row in rows.to_pylist():
        assert row["sequence"] == [numbers.get(lemma, 1) for lemma in lemmas[row["review_id"]]]


def test_the_sample_goes_the_same_way_in_a_directory_of_its_own(go, recipe, tmp_path):
    go(recipe(), on_sample=True)
    assert ds.dataset(tmp_path / "out" / "on-sample" / "features").count_rows() == 200
    assert not (tmp_path / "out" / "features").exists()
    estimate = go(recipe(), dry_run=True)[-1]
    assert f"{ROWS} documents" in estimate
    assert "hours of analysis" in estimate


def test_a_stage_is_not_made_of_what_is_not_there_or_stale(go, recipe):
    with pytest.raises(ConfigError, match="--stage features needs dump, which isn't done"):
        go(recipe(), stage="features")
    go(recipe(), stage="dump")
    with pytest.raises(ConfigError, match="--stage profile needs sample"):
        go(recipe(), stage="profile")
    go(recipe(), stage="sample")
    with pytest.raises(ConfigError, match=r"needs sample, which is stale \(rows was 200, is 100"):
        go(recipe(sample={"rows": 100}), stage="profile")


def test_a_dump_is_not_replaced_unless_told(go, recipe, tmp_path):
    go(recipe(), stage="dump")
    other = recipe(source={"sql": "SELECT review_id, review, rating, date FROM reviews LIMIT 50"})
    with pytest.raises(ConfigError, match="give --overwrite to replace it"):
        go(other, stage="dump")
    go(other, stage="dump", overwrite=True)
    assert ds.dataset(tmp_path / "out" / "dump").count_rows() == 50


def test_somebody_elses_directory_is_left_alone(go, recipe, tmp_path):
    (tmp_path / "out" / "dump").mkdir(parents=True)
    (tmp_path / "out" / "dump" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no dump of a recipe"):
        go(recipe(), stage="dump")
    assert (tmp_path / "out" / "dump" / "mine.txt").exists()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "the query can't be run"),
        ("SELECT * FROM nowhere", "the query can't be run"),
        ("SELECT 1 AS id", "gives no column 'review'"),
        ("SELECT 1 AS review", "column 'review' is int, not text"),
        ("SELECT review FROM reviews WHERE false", "the query gives no rows"),
    ],
)
def test_a_query_that_is_of_no_use_is_told_before_anything_else(go, recipe, sql, message):
    with pytest.raises(ConfigError, match=message):
        go(recipe(source={"sql": sql}))


@pytest.mark.parametrize(
    ("features", "message"),
    [({"id": "number"}, "no column 'number'"), ({"min_documents": 100_000}, "lower min_documents")],
)
def test_features_that_cannot_be_made_are_told_and_the_rest_is_done(go, recipe, tmp_path, reviews, features, message):
    pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")
    files = recipe(source={"files": str(tmp_path / "some.parquet")}, features=features)
    with pytest.raises(ConfigError, match=message):
        go(files)
    assert ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").count_rows() == 50
    assert not (tmp_path / "out" / "features").exists()


def test_another_operation_needs_no_tokens(go, stack, tmp_path, reviews):
    pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")
    asked = {"columns": ["review"], "operation": "space", "options": {"reset_whitespace": True}}
    sections = {
        "source": {"files": str(tmp_path / "some.parquet")},
        "analyze": asked,
        "sink": {"path": str(tmp_path / "out")},
    }
    go(Recipe.check(sections))
    rows = ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").to_table()
    assert rows["spaced"].null_count == 0

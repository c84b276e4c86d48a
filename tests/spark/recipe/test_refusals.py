"""Recipes that don't fit their source are refused before anything is done."""

import shutil

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError


def test_somebody_elses_directory_is_left_alone(go, recipe, tmp_path):
    (tmp_path / "out" / "dump").mkdir(parents=True)
    (tmp_path / "out" / "dump" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="dump is there and was not made by a recipe"):
        go(recipe(), stage="dump")
    assert (tmp_path / "out" / "dump" / "mine.txt").exists()
    shutil.rmtree(tmp_path / "out" / "dump")
    (tmp_path / "out" / "features").mkdir()
    (tmp_path / "out" / "features" / "mine.py").write_text("mine")
    with pytest.raises(ConfigError, match="features is there and was not made by a recipe"):
        go(recipe())
    assert (tmp_path / "out" / "features" / "mine.py").exists()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "the query can't be run"),
        ("SELECT * FROM nowhere", "the query can't be run"),
        ("SELECT 1 AS id", "the source has no column 'review'"),
        ("SELECT 1 AS review", "column 'review' is int, not text"),
        ("SELECT * FROM reviews WHERE false", "the query gives no rows"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_before_anything_is_done(go, recipe, sql, message):
    with pytest.raises(ConfigError, match=message):
        go(recipe(source={"sql": sql}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"id": "number"}}, r"\[features\] id: the source has no column 'number': choose from review_id"),
        ({"features": {"label": "ratng"}}, r"\[features\] label: .* did you mean rating"),
        ({"profile": {"date": "day"}}, r"\[profile\] date: the source has no column 'day'"),
        ({"sample": {"stratify": "genre"}}, r"\[sample\] stratify: the source has no column 'genre'"),
        ({"sink": {"partition_by": ["year"]}}, r"\[sink\] partition_by: the source has no column 'year'"),
        ({"analyze": {"columns": ["rating"]}}, r"column 'rating' is tinyint, not text"),
        ({"analyze": {"where": "ratng > 3"}}, "where 'ratng > 3' can't be used: .*UNRESOLVED_COLUMN"),
        ({"analyze": {"where": "rating >"}}, "where 'rating >' can't be used: .*PARSE_SYNTAX_ERROR"),
    ],
)
@pytest.mark.parametrize("kind", ["query", "files"])
def test_missing_columns_are_named_before_anything_is_done(go, recipe, tmp_path, reviews, kind, changes, message):
    if kind == "files":
        pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")
        changes = {"source": {"files": str(tmp_path / "some.parquet")}, **changes}
    with pytest.raises(ConfigError, match=message):
        go(recipe(**changes))
    assert not (tmp_path / "out").exists()


def test_a_missing_service_is_refused_before_anything_is_done(go, recipe, tmp_path):
    with pytest.raises(ConfigError, match="the service is missing"):
        go(recipe(), service=None)
    assert not (tmp_path / "out").exists()


def test_features_that_cannot_be_made_are_an_error_and_the_rest_is_done(go, recipe, tmp_path, reviews):
    pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")
    files = recipe(source={"files": str(tmp_path / "some.parquet")}, features={"min_documents": 100_000})
    with pytest.raises(ConfigError, match="lower min_documents"):
        go(files)
    assert ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").count_rows() == 50
    assert not (tmp_path / "out" / "features").exists()


def test_reader_options_that_a_sample_cannot_follow_are_refused_before_anything_is_done(go, recipe, tmp_path):
    (tmp_path / "a.csv").write_text("review_id,review,rating,date\n1,좋다,5,x\n", encoding="utf-8")
    source = {"files": str(tmp_path / "a.csv"), "reader": {"quote": "'"}}
    with pytest.raises(ConfigError, match=r"\[sample\] can't follow \[source\] reader 'quote'"):
        go(recipe(source=source))
    assert not (tmp_path / "out").exists()

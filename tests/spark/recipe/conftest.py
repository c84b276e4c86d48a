"""Recipes over some reviews, and what runs them against the real service."""

import dataclasses

import pyarrow.parquet as pq
import pytest

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
            sections[name] = members if name == "source" else sections.get(name, {}) | members
        plain = {
            name: {key: value for key, value in one.items() if value is not None} for name, one in sections.items()
        }
        return Recipe.check(plain)

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


@pytest.fixture
def short(recipe, tmp_path, reviews):
    """Return what makes recipes of some files, without a sample."""
    pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")

    def make(**changes):
        members = {"source": {"files": str(tmp_path / "some.parquet")}, **changes}
        return dataclasses.replace(recipe(**members), sample=None, profile=None)

    return make

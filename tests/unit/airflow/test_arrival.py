"""A source that has arrived, as the task sees it that waits."""

import pytest

from nlpbatch.airflow.arrival import has_arrived
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.recipe_file import Recipe


def recipe(**source):
    return Recipe.check({"source": source, "sink": {"path": "/out"}})


def test_a_directory_arrives_with_its_first_file_that_is_read(tmp_path):
    source = recipe(files=str(tmp_path / "in"))
    assert not has_arrived(source)
    (tmp_path / "in" / "_temporary").mkdir(parents=True)
    (tmp_path / "in" / "_temporary" / "part-0.csv").write_text("a\n1\n")
    (tmp_path / "in" / "empty.csv").touch()
    (tmp_path / "in" / ".hidden.csv").write_text("a\n")
    assert not has_arrived(source)
    (tmp_path / "in" / "kind=a").mkdir()
    (tmp_path / "in" / "kind=a" / "part-0.csv").write_text("a\n1\n")
    assert has_arrived(source)


def test_globs_and_single_files_arrive_too(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert has_arrived(recipe(files=str(tmp_path / "a.csv")))
    assert has_arrived(recipe(files=str(tmp_path / "*.csv")))
    assert not has_arrived(recipe(files=str(tmp_path / "*.json")))


def test_with_a_marker_files_alone_will_not_do(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    source = recipe(files=f"{tmp_path}/")
    assert not has_arrived(source, "_SUCCESS")
    (tmp_path / "_SUCCESS").touch()
    assert has_arrived(source, "_SUCCESS")


def test_a_table_can_not_be_waited_for_and_an_unknown_place_is_an_error():
    with pytest.raises(ConfigError, match="a table or a query, whose arrival can't be seen"):
        has_arrived(recipe(table="reviews"))
    with pytest.raises(ConfigError, match="install fsspec's package for it"):
        has_arrived(recipe(files="nosuch://bucket/in"))

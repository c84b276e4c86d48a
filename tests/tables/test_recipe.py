"""A recipe whose analysed rows go to a table."""

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe import Recipe, RecipeRun, RunOptions


def test_the_analysed_rows_of_a_recipe_go_to_a_table_and_stay_there(
    spark, stack, source, table, table_format, tmp_path
):
    source("a.parquet", id=[1, 2], text=["하나", "둘"])

    def go(**changes):
        given = {
            "source": {"files": str(source.folder)},
            "analyze": {"columns": ["text"]} | changes,
            "sink": {"path": str(tmp_path / "recipe"), "table": table, "table_format": table_format},
        }
        options = RunOptions(service=stack.service, api_key=stack.api_key)
        RecipeRun(spark, Recipe.check(given), options, lambda _: None).run()
        spark.sql(f"REFRESH TABLE {table}")
        return [row["id"] for row in spark.table(table).orderBy("id").collect()]

    assert go() == [1, 2]
    source("b.parquet", id=[3], text=["셋"])
    assert go() == [1, 2, 3]
    with pytest.raises(ConfigError, match=r"its rows are in table .*, where they stay: name another \[sink\] table"):
        go(where="id > 1")
    assert list((tmp_path / "recipe/analyzed").rglob("*.parquet")) == []

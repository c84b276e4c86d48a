"""What is found out about a table, and what is said if there is none."""

import pytest

from nlpbatch.errors import CatalogAway, ConfigError
from nlpbatch.spark.tables.formats import FORMATS
from nlpbatch.spark.tables.lookup import find_table, require_table
from nlpbatch.spark.tables.names import TableName


@pytest.fixture
def made(spark, table, table_format):
    spark.createDataFrame([(1, "글")], "id bigint, text string").writeTo(table).using(table_format).create()
    return table


def test_the_format_and_the_columns_are_found_out(spark, made, table_format):
    found = find_table(spark, made)
    assert (found.format, found.schema.simpleString()) == (table_format, "struct<id:bigint,text:string>")


def test_what_is_not_there_is_nothing_yet(spark, table):
    assert find_table(spark, table) is None


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(spark):
    spark.sql("CREATE TABLE IF NOT EXISTS lake.db.reviews (id bigint) USING iceberg")
    with pytest.raises(
        ConfigError, match=r"^there is no table lake\.db\.reviwes in catalog 'lake': did you mean reviews\?$"
    ):
        require_table(spark, "lake.db.reviwes")


def test_a_table_of_another_format_and_a_view_are_refused(spark):
    spark.sql("CREATE TABLE IF NOT EXISTS plain (id bigint) USING parquet")
    spark.range(1).createOrReplaceTempView("seen")
    with pytest.raises(ConfigError, match=r"^plain is a table of the format parquet: name a table of Delta or Iceberg"):
        find_table(spark, "plain")
    with pytest.raises(ConfigError, match=r"^seen is a view"):
        find_table(spark, "seen")


def test_a_catalog_that_is_not_configured_is_named_with_the_settings(spark):
    with pytest.raises(ConfigError) as refused:
        find_table(spark, "elsewhere.db.t")
    assert "Spark has no catalog 'elsewhere': give spark-submit --packages org.apache.iceberg:" in refused.value.message
    assert "--conf spark.sql.catalog.elsewhere=org.apache.iceberg.spark.SparkCatalog" in refused.value.message


def test_a_catalog_whose_jar_is_missing_is_named_with_the_settings(spark):
    spark.conf.set("spark.sql.catalog.odd", "org.apache.iceberg.absent.SparkCatalog")
    with pytest.raises(ConfigError, match=r"odd\.db\.t: Spark has no Iceberg here: give spark-submit --packages"):
        find_table(spark, "odd.db.t")


def test_a_catalog_that_does_not_answer_is_away(spark, unused_port):
    spark.conf.set("spark.sql.catalog.far", "org.apache.iceberg.spark.SparkCatalog")
    spark.conf.set("spark.sql.catalog.far.type", "rest")
    spark.conf.set("spark.sql.catalog.far.uri", f"http://127.0.0.1:{unused_port}")
    with pytest.raises(CatalogAway, match=r"^the catalog 'far' of far\.db\.t doesn't answer: "):
        find_table(spark, "far.db.t")


def test_a_name_that_is_none_is_refused(spark):
    with pytest.raises(ConfigError, match=r"^'lake\.a b' is not the name of a table: write catalog\.schema\.table"):
        TableName.parse(spark, "lake.a b")


def test_dead_letters_are_beside_the_table(spark):
    names = {name: str(TableName.parse(spark, name).dead) for name in ("lake.db.t", "t", "delta.`/data/t/`")}
    assert names == {"lake.db.t": "lake.db.t_dead", "t": "t_dead", "delta.`/data/t/`": "delta.`/data/t_dead`"}


def test_the_remedy_names_what_goes_with_the_version_of_spark():
    assert "--packages io.delta:delta-spark_4.2_2.13:4.4.0 --conf" in FORMATS["delta"].remedy("4.2", "spark_catalog")
    assert FORMATS["iceberg"].remedy("4.3", "lake") == (
        "there is no release of Iceberg for Spark 4.3 yet: use Spark 3.5, 4.0, 4.1"
    )

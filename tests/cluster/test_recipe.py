"""A recipe on YARN: from a Hive table on HDFS to features; what is done isn't done again.

NLPBATCH_TEST_REVIEWS=DIR bin/test --cluster -k hive    takes all reviews in a directory of Parquet
"""

import json
import os
import subprocess
import sys

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

PATIENCE_S = 1_800
CREATE = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.enableHiveSupport().config("spark.sql.warehouse.dir", sys.argv[2]).config(
    "spark.hadoop.javax.jdo.option.ConnectionURL", f"jdbc:derby:;databaseName={sys.argv[3]};create=true").getOrCreate()
spark.sql("CREATE DATABASE web")
spark.read.parquet(sys.argv[1]).write.format("hive").option("fileFormat", "parquet").saveAsTable("web.reviews")
"""


@pytest.fixture
def table(yarn, hadoop, reviews, tmp_path):
    """Return the settings of a source with a Hive table of the reviews on HDFS, and their number."""
    hadoop.shell("-mkdir", "-p", "/hive")
    some = tmp_path / "some.parquet"
    given = os.environ.get("NLPBATCH_TEST_REVIEWS")
    rows = ds.dataset(given).to_table() if given else pq.read_table(reviews).slice(0, 4_000)
    pq.write_table(rows, some)
    hadoop.shell("-put", str(some), "/hive/some.parquet")
    script = tmp_path / "create.py"
    script.write_text(CREATE)
    warehouse, metastore = f"{hadoop.url}/hive/warehouse", tmp_path / "metastore"
    with yarn.submit(script, f"{hadoop.url}/hive/some.parquet", warehouse, metastore) as process:
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    return f'table = "web.reviews"\nmetastore = "{metastore}"\nwarehouse = "{warehouse}"\n', rows.num_rows


def test_from_a_hive_table_to_features(yarn, hadoop, stack, table, tmp_path):
    recipe = tmp_path / "recipe.toml"
    source, count = table

    def run(ngrams):
        recipe.write_text(
            f'[source]\n{source}[sample]\nrows = 300\nread_share = 1.0\n[profile]\nlabel = "rating"\ntokens = 300\n'
            f'[analyze]\ncolumns = ["review"]\nservice = "{stack.service}"\n'
            f'[features]\nid = "review_id"\nngrams = {ngrams}\n[sink]\npath = "{hadoop.url}/recipe"\n'
        )
        with yarn.submit("recipe.py", recipe, NLPBATCH_API_KEY=stack.api_key) as process:
            said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said
        lines = [line.removeprefix("recipe: ") for line in said.splitlines() if line.startswith("recipe: ")]
        print(*lines, sep="\n")
        return lines

    assert f"rows {count:,}" in next(line for line in run(2) if line.startswith("analyze: done"))
    hadoop.shell("-get", "/recipe/features/_nlpbatch/features.json", str(tmp_path / "features.json"))
    assert sum(json.loads((tmp_path / "features.json").read_text())["rows"].values()) == count
    assert {"dump", "analyzed", "features", "profile", "sample"} <= set(hadoop.names("/recipe"))
    if os.environ.get("NLPBATCH_TEST_REVIEWS"):  # tests/spark/recipe/test_stages.py has this for some hundred
        assert all(line.endswith("done already") for line in run(2))
    again = run(1)
    assert again[:4] == [f"{stage}: done already" for stage in ("dump", "sample", "profile", "analyze")]
    assert again[4] == "features: stale, ngrams was 2, is 1"
    check_sample(hadoop, tmp_path / "sample.parquet")
    check_runs(hadoop, count)


def check_runs(hadoop, count):
    """What the records on HDFS say, found by its configuration alone: the states, and the runs side by side."""

    def runs(*options):
        done = subprocess.run(
            [sys.executable, "-m", "nlpbatch", "runs", "hdfs:///", *options],
            env=os.environ | {"HADOOP_CONF_DIR": str(hadoop.configuration)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    found = json.loads(runs("--json"))
    (run,) = (one for one in found["runs"] if one["path"] == "recipe")
    assert (run["name"], run["state"]) == ("recipe.toml", "done")
    assert {stage["name"]: stage["state"] for stage in run["stages"]} == dict.fromkeys(
        ("dump", "sample", "profile", "analyze", "features"), "done"
    )
    assert run["job"]["counts"]["rows"] == count
    last, *_, first = found["series"]["recipe"]
    assert (first["state"], first["rows"], first["dead"]) == ("done", count, 0)
    assert (last["state"], list(last["stages"])) == ("done", ["features"])
    assert "in order" in runs("--check")


def check_sample(hadoop, file):
    """A sample of the default file system, found by its configuration alone."""
    command = [sys.executable, "-m", "nlpbatch", "sample", "hdfs:///recipe/dump", "-o", str(file), "--rows", "50"]
    done = subprocess.run(
        [*command, "--columns", "review"],
        env=os.environ | {"HADOOP_CONF_DIR": str(hadoop.configuration)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert pq.read_metadata(file).num_rows == 50

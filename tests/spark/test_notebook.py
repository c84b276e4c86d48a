"""What runs in sessions of its own: the notebook from a clean kernel, and Spark Connect."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
PATIENCE_S = 600
CONNECT = """
import os
from pyspark.sql import SparkSession
from nlpbatch.errors import InvalidRequest
from nlpbatch.spark import analyze

spark = SparkSession.builder.remote("local[2]").getOrCreate()
asked = {"service": os.environ["NLPBATCH_SERVICE"], "api_key": os.environ["NLPBATCH_API_KEY"]}
df = spark.createDataFrame([(1, "영화 재밌다"), (2, None)], "id int, review string")
first, second = analyze(df, text="review", **asked).orderBy("id").collect()
assert [token.form for token in first.tokens] == ["영화", "재밌", "다"]
assert (second.tokens, second.error) == (None, None)
try:
    analyze(df, text="reviw", **asked)
except InvalidRequest as error:
    assert "did you mean review?" in error.message
else:
    raise AssertionError
spark.stop()
print("as it should be")
"""


@pytest.fixture
def environment(monkeypatch, stack):
    monkeypatch.setenv("NLPBATCH_SERVICE", stack.service)
    monkeypatch.setenv("NLPBATCH_API_KEY", stack.api_key)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    return monkeypatch


def test_spark_connect_analyses_as_classic_spark_does(environment):
    done = subprocess.run(
        [sys.executable, "-c", CONNECT], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert "as it should be" in done.stdout, done.stderr


@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_the_notebook_runs_from_a_clean_kernel(environment, reviews, tmp_path):
    pq.write_table(pq.read_table(reviews).slice(0, 3_000), tmp_path / "reviews.parquet", row_group_size=500)
    environment.setenv("FIRST_LOOK_SOURCE", str(tmp_path / "reviews.parquet"))
    environment.setenv("FIRST_LOOK_WORK", str(tmp_path))
    notebook = nbformat.read(ROOT / "notebooks" / "first-look.ipynb", 4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=PATIENCE_S, resources={"metadata": {"path": str(ROOT)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("class='nlpbatch'" in output.get("data", {}).get("text/html", "") for output in shown)
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "out" / "features" / "_nlpbatch" / "features.json").exists()

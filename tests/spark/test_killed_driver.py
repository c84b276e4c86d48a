"""What a driver leaves that is killed in the middle of a job."""

import os
import signal
import subprocess
import time

import pyarrow.dataset as ds
import pyspark
import pytest

from tests.spark.test_submit import PATIENCE_S, ROOT, SPARK_SUBMIT, environment, has_part


def test_a_driver_that_is_killed_leaves_nothing_that_looks_complete(stack, reviews, tmp_path, spark):
    output = tmp_path / "out"
    command = [str(SPARK_SUBMIT), "--master", "local[2]", str(ROOT / "jobs" / "analyze.py")]
    options = ["--input", str(reviews), "--text", "review", "--output", str(output), "--service", stack.service]
    with subprocess.Popen(
        [*command, *options],
        env=environment(NLPBATCH_API_KEY=stack.api_key),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline_s = time.monotonic() + PATIENCE_S
        while not has_part(output) and time.monotonic() < deadline_s:
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert has_part(output)  # it was in the middle of writing
    assert not (output / "_SUCCESS").exists()
    assert ds.dataset(output, format="parquet").count_rows() == 0
    with pytest.raises(pyspark.errors.AnalysisException, match="UNABLE_TO_INFER_SCHEMA"):
        spark.read.parquet(str(output))

"""`spark-submit jobs/analyze.py` as a data engineer runs it: a process with options, a log and an exit code."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pyspark
import pytest

from nlpbatch.wire.fields import KIWI_FIELDS

ROOT = Path(__file__).parents[2]
SPARK_SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"
INHERITED = ("PATH", "HOME", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "LANG")
PATIENCE_S = 120


def environment(**variables):
    """An environment as plain as a cron job's: no virtual environment activated, no key but the one given."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # Without `activate`, spark-submit would take the system's Python for the driver.
    return inherited | {"PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"} | variables


def submit(*options, **variables):
    command = [str(SPARK_SUBMIT), "--master", "local[2]", str(ROOT / "jobs" / "analyze.py"), *map(str, options)]
    return subprocess.run(
        command, env=environment(**variables), cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def own_lines(done):
    """What the job says itself: spark-submit joins both streams of a Python driver to its stdout."""
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def finished(stack, reviews, tmp_path_factory):
    """One run over all reviews with every field: options from the command line, from TOML and from the environment."""
    folder = tmp_path_factory.mktemp("submit")
    output = folder / "out"
    config = folder / "job.toml"
    fields = ", ".join(f'"{name}"' for name in KIWI_FIELDS)
    config.write_text(f'text = "movie_id"\nin_flight = 3\nfields = [{fields}]\n')
    done = submit(
        *("--config", config, "--input", reviews, "--text", "review", "--output", output),
        NLPBATCH_SERVICE=stack.service,
        NLPBATCH_API_KEY=stack.api_key,
    )
    return done, output


@pytest.fixture(scope="module")
def rows(finished):
    done, output = finished
    assert done.returncode == 0, done.stderr
    return ds.dataset(output, format="parquet").to_table()


def test_every_row_comes_out_once_with_all_its_columns(rows, reviews):
    given = pq.read_table(reviews)
    assert rows.num_rows == given.num_rows == 20_072
    assert rows.schema.names == [*given.schema.names, "tokens", "error"]
    kept = rows.select(given.schema.names).sort_by("review_id")
    assert kept.cast(given.schema).equals(given.sort_by("review_id"))
    assert rows["error"].null_count == 20_072
    assert rows["tokens"].null_count == 0


def test_every_field_of_a_sample_is_what_kiwi_gives(rows, kiwi_tokens):
    sample = rows.take(list(range(7, rows.num_rows, 40))).select(["review", "tokens"]).to_pylist()
    assert len(sample) > 500
    different = [row["review"] for row in sample if row["tokens"] != kiwi_tokens(row["review"])]
    assert different == []


def test_the_summary_agrees_with_the_rows(finished, rows, reviews, stack):
    _, output = finished
    summary = json.loads((output / "_nlpbatch" / "summary.json").read_text())
    texts = rows["review"].to_pylist()
    assert summary["rows"] == rows.num_rows
    assert summary["tokens"] == sum(len(tokens) for tokens in rows["tokens"].to_pylist())
    assert summary["text_bytes"] == sum(len(text.encode()) for text in texts)
    assert (summary["nulls"], summary["errors"]) == (0, {})
    assert (summary["input"], summary["output"]) == (str(reviews), f"file:{output}")
    assert (summary["service"], summary["analyzer"]) == (stack.service, "default")
    assert len(summary["fingerprint"]) == 32
    assert summary["documents_per_s"] == pytest.approx(summary["rows"] / summary["seconds"], rel=0.01)
    assert summary["client"]["requests"] > 20
    assert summary["client"]["sent_bytes"] > 0.9 * summary["text_bytes"]
    work = summary["work"]
    assert work["analysed"] == work["answered"] == summary["client"]["requests"]
    assert work["analysed_bytes"] == work["answered_bytes"] == summary["client"]["sent_bytes"]


def test_a_log_gets_plain_lines_and_the_summary(finished):
    done, output = finished
    lines = own_lines(done)
    progress = [line for line in lines if " rows/s" in line]
    assert re.match(r"analyze: 20,072 of 20,072 rows, ([\d.]+) kB of \1 kB \(100%\), ", progress[-1])
    assert lines[-12] == "analyze: done"
    assert lines[-11] == "  rows       20,072 = 20,072 out + 0 dead (0 without text)"
    assert lines[-1] == f"  output     file:{output}"
    assert lines[0] == "nlpbatch: 1 file read as Parquet"
    assert len(lines) == 1 + len(progress) + 12
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout


def test_the_key_is_in_no_line(finished, stack):
    done, _ = finished
    assert stack.api_key not in done.stderr + done.stdout


def test_wrong_options_are_named_all_at_once_and_end_in_2_before_spark_starts(tmp_path):
    config = tmp_path / "job.toml"
    config.write_text("inputs = 'x'\nin_flight = 0\n")
    done = submit("--config", config, "--fields", "form,tga", "--output", "out")
    assert done.returncode == 2
    assert "Traceback" not in done.stdout
    said = "\n".join(own_lines(done))
    for fault in (
        f"{config}: unknown option 'inputs': did you mean input?",
        f"{config}: in_flight is 0, must be 1 to 256",
        "command line: fields: unknown token field 'tga'",
        "input is missing: give --input",
        "text is missing",
        "service is missing",
    ):
        assert fault in said


def test_a_wrong_key_ends_in_2_with_one_line_and_no_output(stack, reviews, tmp_path):
    key = "nlpb_0123456789ab_" + "x" * 43
    done = submit(
        *("--input", reviews, "--text", "review", "--output", tmp_path / "out", "--service", stack.service),
        NLPBATCH_API_KEY=key,
    )
    assert done.returncode == 2
    (line,) = own_lines(done)
    assert line.startswith("analyze: unauthenticated: ")
    assert key not in done.stderr + done.stdout
    assert not (tmp_path / "out").exists()


def test_a_terminal_gets_a_bar(stack, tmp_path):
    pq.write_table(pa.table({"review": ["글"]}), tmp_path / "in.parquet")
    command = [str(SPARK_SUBMIT), "--master", "local[1]", str(ROOT / "jobs" / "analyze.py")]
    options = ["--input", tmp_path / "in.parquet", "--text", "review", "--output", tmp_path / "out"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*command, *map(str, options), "--service", stack.service],
        env=environment(NLPBATCH_API_KEY=stack.api_key),
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
    ) as process:
        os.close(theirs)
        shown = b"".join(until_closed(ours)).decode()
    assert process.returncode == 0, shown
    assert re.search("\x1b.*100%.*1 of 1 rows", shown)
    assert "rows       1 = 1 out + 0 dead" in shown


def until_closed(terminal):
    """Yield what is written to a terminal until nobody has it open any more, which Linux reports as an error."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 1024):
            yield piece
    os.close(terminal)


def test_arguments_that_the_locale_damages_are_refused_before_anything_is_done(tmp_path):
    plain = {"LC_ALL": "C", "LANG": "C"}
    options = ("--input", tmp_path, "--text", "글", "--output", tmp_path / "결과", "--service", "http://127.0.0.1:9")
    done = submit(*options, **plain)
    assert done.returncode == 2
    (line,) = own_lines(done)
    assert "argument 4 (after --text) arrived as '???'" in line
    assert "set LC_ALL=C.UTF-8, or write the option into a file in UTF-8 and give --config FILE" in line
    assert list(tmp_path.iterdir()) == []


def has_part(output):
    """Return whether a part's file is below the output. `rglob` fails when Spark removes a directory meanwhile."""
    return any(name.startswith("part-") for _, _, names in os.walk(output) for name in names)


def test_ctrl_c_ends_in_130_with_one_line_(stack, reviews, tmp_path):
    output = tmp_path / "out"
    command = [str(SPARK_SUBMIT), "--master", "local[2]", str(ROOT / "jobs" / "analyze.py")]
    options = ["--input", reviews, "--text", "review", "--output", output, "--service", stack.service]
    with subprocess.Popen(
        [*command, *map(str, options)],
        env=environment(NLPBATCH_API_KEY=stack.api_key),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        deadline_s = time.monotonic() + PATIENCE_S
        while not has_part(output) and time.monotonic() < deadline_s:
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    lines = [line for line in said.splitlines() if " rows/s" not in line]
    assert lines == ["nlpbatch: 1 file read as Parquet", "analyze: interrupted"]

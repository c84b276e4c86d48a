"""`nlpbatch demo` as somebody meets the project: one command, and Korean text has gone all the way."""

import json
import os
import re
import subprocess
import sys

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from nlpbatch.demo.source import DOCUMENTS

INHERITED = ("PATH", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "LANG")


def demo(directory, *arguments):
    """Run it in a directory, with an empty home."""
    home = directory / "home"
    home.mkdir(exist_ok=True)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "nlpbatch", "demo", "--workers", "1", *map(str, arguments)],
        env=inherited | {"HOME": str(home)},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def rows_of(output):
    return ds.dataset(output, format="parquet").to_table().to_pylist()


def test_its_own_documents_go_all_the_way(tmp_path):
    documents = [json.loads(line) for line in DOCUMENTS.read_text(encoding="utf-8").splitlines()]
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    rows = sorted(rows_of(tmp_path / "demo-output"), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == [document["text"] for document in documents]
    assert all(row["error"] is None for row in rows)
    assert all((row["tokens"] is None) is (row["text"] is None) for row in rows)
    assert f"The output is in {tmp_path / 'demo-output'}" in done.stdout
    assert re.search("서울시는 다음 달부터.*서울시/NNP", done.stdout)
    assert "nlpb_" not in done.stdout + done.stderr
    assert "INFO" not in done.stderr  # Spark's own log would bury the rest


def test_a_file_of_the_user_replaces_an_earlier_output(tmp_path):
    (tmp_path / "out" / "_nlpbatch").mkdir(parents=True)
    (tmp_path / "out" / "part-old.parquet").write_text("an earlier run's")
    source = tmp_path / "reviews.csv"
    source.write_text('번호,리뷰.본문\n1,"재미있어요, [정말]"\n2,[/b] 최고\n', encoding="utf-8")
    done = demo(tmp_path, source, "--text", "리뷰.본문", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr + done.stdout
    assert pq.read_schema(next((tmp_path / "out").glob("run_batch=*/*.parquet"))).names == [
        "번호",
        "리뷰.본문",
        "tokens",
        "error",
    ]
    assert {row["리뷰.본문"] for row in rows_of(tmp_path / "out")} == {"재미있어요, [정말]", "[/b] 최고"}
    assert "[/b] 최고" in done.stdout


def test_a_column_that_is_not_there_ends_it_in_2_before_anything_is_started(tmp_path):
    source = tmp_path / "reviews.csv"
    source.write_text("번호,본문\n1,글\n", encoding="utf-8")
    done = demo(tmp_path, source)
    assert done.returncode == 2
    assert "has no column 'text': choose one with --text; there are 번호 (string), 본문 (string)" in done.stderr
    assert "starting API" not in done.stderr

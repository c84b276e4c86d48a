"""`nlpbatch class-archive`, and whether Spark's JVM takes its classes out of the file."""

import os
import re
import subprocess

from nlpbatch.cli import main
from nlpbatch.cli.local_spark import environment, spark_submit


def test_spark_loads_its_classes_from_the_archive(tmp_path):
    archive, log, script = tmp_path / "spark classes.jsa", tmp_path / "classes.log", tmp_path / "script.py"
    assert main(["class-archive", "-o", str(archive)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]
    script.write_text("from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(9).count()\n")
    options = [f"-XX:SharedArchiveFile={archive}", f"-Xlog:class+load:file={log}"]
    command = spark_submit("1", script, classes=options)
    subprocess.run(command, env=environment(None), check=True, capture_output=True)
    # Lambdas are made while a program runs.
    loaded = [line for line in log.read_text().splitlines() if re.search(r"\] org\.apache\.spark\.(?!\S*Lambda)", line)]
    archived = [line for line in loaded if "source: shared objects file (top)" in line]
    assert len(archived) > 0.9 * len(loaded) > 1_000


def test_a_place_that_cannot_be_written_is_named_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["class-archive", "-o", str(tmp_path / "file" / "a.jsa")]) == 2
    assert "can't be written: " in capsys.readouterr().err


def test_without_java_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", os.fspath(tmp_path))
    assert main(["class-archive"]) == 2
    assert "there is no Java" in capsys.readouterr().err

"""Files that cannot be analysed: what is said, and when."""

import signal
import subprocess

import pytest

from tests.fakes.commands import command, environment, run
from tests.fakes.files_command import DONE_IN_S, SOME_PARTS, wait_for


def test_a_full_disk_fails_it_with_the_name_of_the_file(service, source, tmp_path):
    given = ("analyze", source, "-o", tmp_path / "t.parquet", "--text", "review")
    code, _, err = run(*given, part_bytes=SOME_PARTS, file_bytes=20_000, **service)
    assert code == 1
    assert f"{tmp_path}/.t.parquet.part/" in err.splitlines()[-1]
    assert not (tmp_path / "t.parquet").exists()
    code, _, err = run(*given, **service)
    assert code == 0, err


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("a.parquet", None, ["--text", "reviev"], "there is no column 'reviev': did you mean review?"),
        ("a.parquet", None, ["--text", "id"], "column 'id' is int64, not string: choose from review"),
        ("b.parquet", b"", [], "no file can be read as Parquet"),
        ("b.parquet", b"id,review\n1,x\n", [], "it is damaged, or not of this format"),
        ("b.csv", "글\n".encode("cp949"), [], "fit CP949; give --encoding cp949"),
        ("b.csv", b'a,b\n1,"x\n2,y\n', ["--text", "b"], "quote in the record of line 2 is never closed"),
        ("b.csv", b"", ["--text", "review"], "there is no column 'review'"),
        ("b.json", b'{\n "a": 1\n}\n', [], "JSON objects over several lines"),
        ("b.xlsx", b"PK", [], "is an Excel workbook, which can't be read"),
        ("b.orc", b"ORC", [], "is ORC, which only the job reads"),
        ("b.csv.gz", b"no gzip", [], "can't be decompressed as gzip"),
        ("b.csv", b"a,b\n1,2\n", [], "--text COLUMN says which column to analyse: choose from a, b"),
    ],
)
def test_what_cannot_be_analysed_is_said_at_once(service, source, tmp_path, name, content, arguments, said):
    path = source.rename(tmp_path / name) if content is None else tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code, out, err = run("analyze", path, "-o", tmp_path / "out" / "t.parquet", *arguments, **service)
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_said_at_once(service, source, tmp_path):
    code, _, err = run("analyze", source, "-o", tmp_path / "no" / "t.parquet", "--text", "review", **service)
    assert code == 2
    assert "can't be written: No such file or directory: choose another with -o" in err
    code, _, err = run("analyze", tmp_path / "*.csv", "-o", tmp_path / "t.parquet", **service)
    assert code == 2
    assert "holds no files: check the path" in err


def test_two_processes_never_write_one_output(service, longer, tmp_path):
    given = ("analyze", longer, "-o", tmp_path / "t.parquet", "--text", "review")
    with subprocess.Popen(command(*given), env=environment(**service), stderr=subprocess.DEVNULL) as process:
        wait_for((tmp_path / ".t.parquet.part" / "run.json").exists)
        process.send_signal(signal.SIGSTOP)  # else it may be done before the other one has begun
        code, _, err = run(*given, **service)
        process.send_signal(signal.SIGCONT)
        assert code == 2
        assert "another process is writing" in err
        assert process.wait(DONE_IN_S) == 0


def test_options_of_files_need_an_output_and_a_file_named_as_a_text_is_noticed(service, source, tmp_path):
    code, _, err = run("analyze", "가", "--text", "review", **service)
    assert code == 2
    assert "--text is for files: add -o FILE.parquet" in err
    code, out, err = run("analyze", source.name, cwd=tmp_path, **service)
    assert code == 0
    assert "nlpbatch analyze reviews.parquet -o tokens.parquet --text COLUMN" in err
    assert "reviews" in out

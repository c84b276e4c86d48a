"""`nlpbatch analyze FILE -o OUT` as its own process, with the real API behind the real proxy."""

import gzip
import json
import resource
import signal
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch import Client
from tests.fakes.commands import command, environment, run
from tests.fakes.service import ScriptedService, hang

FIELDS = "form,tag,start,end"
SOME_PARTS = 200_000
"""Bytes of a part: some hundred rows."""
DONE_IN_S = 60.0
ROWS = 4_000


@pytest.fixture(scope="module")
def service(stack):
    return {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key}


@pytest.fixture
def source(tmp_path, sample):
    path = tmp_path / "reviews.parquet"
    table = pa.table({"id": pa.array(range(len(sample)), pa.int64()), "review": sample})
    pq.write_table(table, path, row_group_size=250)
    return path


@pytest.fixture
def longer(tmp_path, some_reviews):
    """Return 4,000 reviews, which begin with the sample: they take long enough to be interrupted."""
    path = tmp_path / "reviews.parquet"
    texts = pq.read_table(some_reviews, columns=["review"]).column("review")
    pq.write_table(pa.table({"id": pa.array(range(len(texts)), pa.int64()), "review": texts}), path, row_group_size=250)
    return path


@pytest.fixture(scope="module")
def tokens(expected):
    return [[{name: token[name] for name in FIELDS.split(",")} for token in row] for row in expected]


def rows_of(path):
    return pq.read_table(path).to_pylist()


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def wait_for(condition):
    deadline_s = time.monotonic() + DONE_IN_S
    while not condition():
        assert time.monotonic() < deadline_s, "did not come about in time"
        time.sleep(0.005)


def test_a_file_gets_kiwis_tokens_row_by_row(service, source, tmp_path, sample, tokens):
    output = tmp_path / "tokens.parquet"
    code, out, err = run("analyze", source, "-o", output, "--text", "review", "--json", **service)
    assert code == 0, err
    summary = json.loads(out)
    found = rows_of(output)
    assert [row["id"] for row in found] == list(range(len(sample)))
    assert [row["review"] for row in found] == sample
    assert [row["tokens"] for row in found] == tokens
    assert {row["error"] for row in found} == {None}
    assert summary["rows"] == summary["out"] == len(sample)
    assert summary["tokens"] == sum(map(len, tokens))
    assert summary["dead"] == 0
    assert summary["set_aside"] == {}
    footer = pq.read_schema(output).metadata
    assert footer[b"nlpbatch.fingerprint"].decode() == summary["fingerprint"]
    assert names_in(tmp_path) == ["reviews.parquet", "tokens.parquet"]
    assert "column 'review'" in err
    with Client(service["NLPBATCH_SERVICE"], api_key=service["NLPBATCH_API_KEY"]) as client:
        # the proxy has counted one more, which asked for the analyzers
        assert client.usage(summary["run"]).requests == summary["client"]["requests"] + 1


def test_killed_it_leaves_no_output_and_goes_on_after_the_last_part(service, longer, tmp_path, tokens):
    output, parts = tmp_path / "tokens.parquet", tmp_path / ".tokens.parquet.part"
    given = ("analyze", longer, "-o", output, "--text", "review", "--json")
    with subprocess.Popen(
        command(*given, part_bytes=SOME_PARTS), env=environment(**service), stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: (parts / "000001.json").exists() or process.poll() is not None)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    assert names_in(tmp_path) == [".tokens.parquet.part", "reviews.parquet"]
    kept = sum(json.loads(path.read_text())["counts"]["rows"] for path in parts.glob("0*.json"))
    assert 0 < kept < ROWS
    code, out, err = run(*given, part_bytes=SOME_PARTS, **service)
    assert code == 0, err
    assert f"going on after {kept:,} rows that are done" in err
    summary = json.loads(out)
    assert (summary["attempts"], summary["rows"], summary["new_rows"]) == (2, ROWS, ROWS - kept)
    found = rows_of(output)
    assert [row["id"] for row in found] == list(range(ROWS))
    assert [row["tokens"] for row in found[: len(tokens)]] == tokens
    assert None not in [row["tokens"] for row in found]
    assert names_in(tmp_path) == ["reviews.parquet", "tokens.parquet"]


def test_interrupted_it_keeps_what_was_answered(service, longer, tmp_path, tokens):
    output, parts = tmp_path / "tokens.parquet", tmp_path / ".tokens.parquet.part"
    given = ("analyze", longer, "-o", output, "--text", "review", "--json")
    with subprocess.Popen(
        command(*given, part_bytes=SOME_PARTS), env=environment(**service), stderr=subprocess.PIPE
    ) as process:
        wait_for(lambda: (parts / "000001.json").exists() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DONE_IN_S)
    assert process.returncode == 130, err
    assert b"rows are done: the same command goes on after them" in err
    assert not output.exists()
    code, out, err = run(*given, **service)
    assert code == 0, err
    assert json.loads(out)["rows"] == ROWS
    found = rows_of(output)
    assert [row["id"] for row in found] == list(range(ROWS))
    assert [row["tokens"] for row in found[: len(tokens)]] == tokens


def test_ctrl_c_does_not_wait_for_a_service_that_hangs(source, tmp_path):
    with ScriptedService(hang()) as silent:
        given = ("analyze", source, "-o", tmp_path / "t.parquet", "--text", "review", "--service", silent.url)
        with subprocess.Popen(command(*given), env=environment(), stderr=subprocess.PIPE) as process:
            wait_for(lambda: silent.exchanges or process.poll() is not None)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.endswith(b"nlpbatch: interrupted\n")
    assert names_in(tmp_path) == ["reviews.parquet"]


def test_a_service_that_is_away_fails_it_and_leaves_nothing(source, tmp_path):
    given = ("analyze", source, "-o", tmp_path / "t.parquet", "--service", "http://127.0.0.1:9", "--patience", "0.3")
    code, _, err = run(*given)
    assert code == 1
    assert "patience_exhausted" in err
    assert names_in(tmp_path) == ["reviews.parquet"]


def test_other_options_are_refused_until_the_output_is_begun_again(service, longer, tmp_path):
    output, parts = tmp_path / "tokens.parquet", tmp_path / ".tokens.parquet.part"
    given = ("analyze", longer, "-o", output, "--text", "review")
    with subprocess.Popen(
        command(*given, part_bytes=SOME_PARTS), env=environment(**service), stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: (parts / "000001.json").exists() or process.poll() is not None)
        process.kill()
    code, _, err = run(*given, "--tags", "NNG,NNP", **service)
    assert code == 2
    assert "was begun with different settings: other options" in err
    assert "--overwrite" in err
    code, _, err = run(*given, "--tags", "NNG,NNP", "--overwrite", **service)
    assert code == 0, err
    found = rows_of(output)
    assert len(found) == ROWS
    assert {token["tag"] for row in found for token in row["tokens"]} == {"NNG", "NNP"}
    code, _, err = run(*given, **service)
    assert code == 2
    assert "exists: give --overwrite" in err


def test_a_version_that_is_gone_is_refused_until_the_output_is_begun_again(service, source, tmp_path, sample):
    output, parts = tmp_path / "tokens.parquet", tmp_path / ".tokens.parquet.part"
    given = ("analyze", source, "-o", output, "--text", "review")
    parts.mkdir()
    files = [[str(source), source.stat().st_size, source.stat().st_mtime_ns]]
    reader = {"format": None, "separator": None, "encoding": "utf-8", "header": True, "max_record_lines": 1000}
    asked = {"operation": "analyze", "analyzer": "default", "fields": FIELDS.split(",")}
    identity = {"files": files, "reader": reader, "text": ["review"], "asked": asked}
    members = {"run": "earlier", "identity": identity, "fingerprint": "0" * 32, "nlpbatch": "0.1.0"}
    (parts / "run.json").write_text(json.dumps(members))
    code, _, err = run(*given, **service)
    assert code == 2
    assert "is gone: give --overwrite to start again with it" in err
    code, _, err = run(*given, "--overwrite", **service)
    assert code == 0, err
    assert len(rows_of(output)) == len(sample)


def test_lines_that_cannot_be_parsed_are_beside_the_output_with_the_reason(service, tmp_path):
    source = tmp_path / "reviews.csv.gz"
    source.write_bytes(gzip.compress("id,review\n1,좋은 영화\n2\n3,\n4,또 보고 싶다\n".encode()))
    code, _, err = run("analyze", source, "-o", tmp_path / "t.parquet", "--text", "review", **service)
    assert code == 0, err
    assert "CSV in UTF-8, separated by ',', with a header" in err
    found, dead = rows_of(tmp_path / "t.parquet"), rows_of(tmp_path / "t.dead.parquet")
    assert [(row["id"], row["tokens"] is None) for row in found] == [("1", False), ("3", True), ("4", False)]
    assert [(row["id"], row["_corrupt_record"], row["error"]["code"]) for row in dead] == [
        ("2", "2", "malformed_record")
    ]
    assert "4 = 3 out + 1 dead (2 without text)" in err


def test_json_lines_text_and_lists(service, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"texts": ["좋다", null, ""], "n": 1}\n\n{"n": 2.5, "texts": null}\nnot json\n')
    code, _, err = run("analyze", tmp_path / "a.jsonl", "-o", tmp_path / "a.parquet", **service)
    assert code == 0, err
    first, second = rows_of(tmp_path / "a.parquet")
    assert [one and [token["form"] for token in one] for one in first["tokens"]] == [["좋", "다"], None, []]
    assert (second["tokens"], second["n"]) == (None, 2.5)
    (dead,) = rows_of(tmp_path / "a.dead.parquet")
    assert (dead["_corrupt_record"], dead["error"]["code"]) == ("not json", "malformed_record")
    with pa.CompressedOutputStream(str(tmp_path / "lines.txt.zst"), "zstd") as file:
        file.write("좋다\r\n\n나쁘다".encode())
    code, _, err = run("analyze", tmp_path / "lines.txt.zst", "-o", tmp_path / "b.parquet", **service)
    assert code == 0, err
    assert [row["value"] for row in rows_of(tmp_path / "b.parquet")] == ["좋다", "", "나쁘다"]


def test_several_columns_and_files_that_cannot_be_read(service, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pq.write_table(pa.table({"title": ["제목"], "body": pa.array(["본문"], pa.large_string())}), folder / "1.parquet")
    pq.write_table(pa.table({"title": pa.array([None], pa.string())}), folder / "2.parquet")
    (folder / "3.parquet").write_bytes(b"PAR1 not really")
    output = tmp_path / "t.parquet"
    code, out, err = run("analyze", folder, "-o", output, "--text", "title", "--text", "body", "--json", **service)
    assert code == 3, err
    first, second = rows_of(output)
    assert [one["form"] for one in first["title_tokens"]] == ["제목"]
    assert [one["form"] for one in first["body_tokens"]] == ["본문"]
    assert second == dict.fromkeys(second)
    summary = json.loads(out)
    assert list(summary["set_aside"]) == [str(folder / "3.parquet")]
    assert (summary["rows"], summary["nulls"]) == (2, 1)


def test_a_full_disk_fails_it_with_the_name_of_the_file(service, source, tmp_path):
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    given = ("analyze", source, "-o", tmp_path / "t.parquet", "--text", "review")
    code, _, err = run(*given, part_bytes=SOME_PARTS, preexec=small_files, **service)
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

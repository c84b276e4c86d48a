"""`nlpbatch analyze FILE -o OUT` as its own process, with the real API behind the real proxy."""

import gzip
import json
import signal
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch import Client
from tests.fakes.commands import command, environment, run
from tests.fakes.files_command import DONE_IN_S, SOME_PARTS, wait_for
from tests.fakes.service import ScriptedService, hang

FIELDS = "form,tag,start,end"
ROWS = 4_000


@pytest.fixture(scope="module")
def tokens(expected):
    return [[{name: token[name] for name in FIELDS.split(",")} for token in row] for row in expected]


def rows_of(path):
    return pq.read_table(path).to_pylist()


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


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

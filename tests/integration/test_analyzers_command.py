"""`nlpbatch analyzers` with real Kiwi."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.cli import main as nlpbatch

CONFIG = """
[analyzers.default]
[analyzers.candidate]
dictionaries = ["words.tsv"]
[analyzers.fast]
engine = "mecab"
[analyzers.own]
engine = "python:lengths:load"
"""
FUNCTIONS = """
import pyarrow as pa
from nlpbatch.engine.functions import Functions, Operation

def load():
    return Functions({"length": Operation(lambda text: {"n": len(text)}, pa.struct([("n", pa.int32())]))})
"""


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "server.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "words.tsv").write_text("밀크티라떼\tNNP\n", encoding="utf-8")
    (tmp_path / "lengths.py").write_text(FUNCTIONS, encoding="utf-8")
    texts = ["밀크티라떼 한 잔", "커피 한 잔", None, ""] * 10
    pq.write_table(pa.table({"review": texts, "id": range(40)}), tmp_path / "sample.parquet")
    return tmp_path


def diff(directory, *options, after="candidate"):
    config, sample = directory / "server.toml", directory / "sample.parquet"
    return nlpbatch(["analyzers", "diff", "default", after, "--config", str(config), "--input", str(sample), *options])


def test_what_a_dictionary_would_change_is_shown(directory, capsys):
    assert diff(directory, "--text", "review") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "10 of 20 texts change (50.00%)"
    (change,) = lines[2:]
    assert change.split()[0] == "10"
    assert "->  밀크티라떼/NNP" in change


def test_analyzers_of_two_engines_are_compared(directory, capsys):
    assert diff(directory, "--text", "review", after="fast") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "10 of 20 texts change (50.00%)"
    (change,) = lines[2:]
    assert "밀크티라떼/NNG  ->  밀크티/NNP + 라떼/NNG" in change


@pytest.mark.parametrize(
    ("options", "after", "wanted"),
    [
        ([], "candidate", "has no column 'text': choose from review, id"),
        (["--text", "id"], "candidate", "column 'id' is int64"),
        (["--text", "review", "--rows", "0"], "candidate", "--rows 0"),
        (["--text", "review"], "own", "analyzer 'own' has no tokens to compare"),
        (["--text", "review"], "other", "has no analyzer 'other': choose from default, candidate"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_an_error_with_the_reason(directory, capsys, options, after, wanted):
    assert diff(directory, *options, after=after) in {1, 2}
    assert wanted in capsys.readouterr().err


def test_a_service_s_analyzers_are_listed(api, capsys):
    assert nlpbatch(["analyzers", "list", "--service", api.url]) == 0
    fingerprint = api.get("/v1/analyzers").json()["analyzers"][0]["fingerprint"]
    assert fingerprint in capsys.readouterr().out

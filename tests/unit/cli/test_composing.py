import argparse
import io
import json
import sys

import pytest

from nlpbatch.cli import composing, texts
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.outcome import Analysis, DocumentError, Outcome


class FakeClient:
    """Puts forms or chunks together as they are."""

    def __init__(self):
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def analyzers(self):
        return Catalogue((), SizeLimits())

    def join(self, documents, *, analyzer, **_):
        self.asked += documents
        return Analysis(analyzer, "f1", tuple(Outcome(None, text="".join(one[0] for one in row)) for row in documents))

    def glue(self, documents, *, analyzer, **_):
        self.asked += documents
        return Analysis(analyzer, "f1", tuple(Outcome(None, text="".join(row)) for row in documents))


@pytest.fixture
def client(monkeypatch):
    made = FakeClient()
    monkeypatch.setattr(texts, "connect", lambda *_: made)
    return made


@pytest.fixture
def run(monkeypatch):
    def command(*arguments, stdin=None):
        parser = argparse.ArgumentParser()
        composing.add_parser(parser.add_subparsers())
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        parsed = parser.parse_args(arguments)
        return parsed.run(parsed)

    return command


def test_morphemes_are_read_as_people_write_them_as_json_and_as_analyze_writes_them(run, client, capsys):
    tokens = [{"form": "가", "tag": "NNG", "start": 0, "end": 1}, {"form": "나", "tag": "NNG", "start": 2, "end": 3}]
    lines = ["덥/VA 어/EC", '[["1/2", "SN"]]', json.dumps({"tokens": tokens, "error": None}), "//SP"]
    assert run("join", stdin="\n".join(lines)) == 0
    assert capsys.readouterr().out.splitlines() == ["덥어", "1/2", "가나", "/"]
    assert client.asked[2] == [("가", "NNG"), ("나", "NNG", True)]


@pytest.mark.parametrize("line", ["덥", "덥/", "[1]", "{}", "[[", '{"tokens": [{"form": "가"}]}'])
def test_a_line_that_is_no_morphemes_costs_itself_alone(run, client, capsys, line):
    assert run("join", "덥/VA", line, "어/EC") == 1
    first, bad, last = capsys.readouterr().out.splitlines()
    assert (first, last) == ("덥", "어")
    assert bad.startswith("invalid_document: not morphemes: write them as form/TAG")
    assert isinstance(composing.read_morphemes(line), DocumentError)


def test_arguments_are_the_chunks_of_one_document(run, client, capsys):
    assert run("glue", "그 봉", "지 안에") == 0
    assert (client.asked, capsys.readouterr().out) == ([["그 봉", "지 안에"]], "그 봉지 안에\n")


def test_lines_are_chunks_and_an_empty_line_ends_a_document(run, client):
    assert run("glue", stdin="하나\r\n둘\r\n\r\n\n셋\n") == 0
    assert client.asked == [["하나", "둘"], ["셋"]]


def test_nothing_is_nothing(run, client):
    assert run("glue", stdin="\n\n") == 0

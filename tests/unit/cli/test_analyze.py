import argparse
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nlpbatch.cli import analyze, texts
from nlpbatch.errors import ConfigError, InvalidRequest
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.outcome import Analysis, DocumentError, Outcome, Sentence, Token


class FakeClient:
    """Makes one token of each word; refuses lone surrogates, as the service does."""

    def __init__(self, limits=SizeLimits()):  # noqa: B008 (frozen)
        self.limits = limits
        self.requests = []
        self.pinned = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def analyzers(self):
        return Catalogue((), self.limits)

    def analyze(self, texts, *, analyzer, fields, if_match, tags, top_n):
        self.asked = (tags, top_n)
        self.requests.append(list(texts))
        self.pinned.append(if_match)
        return Analysis(analyzer, "f1", tuple(self._outcome(text, fields) for text in texts))

    def sentences(self, texts, *, analyzer, if_match):
        self.pinned.append(if_match)
        return Analysis(analyzer, "f1", tuple(self._sentences(text) for text in texts))

    def space(self, texts, *, analyzer, if_match, reset_whitespace):
        self.pinned.append(if_match)
        corrected = (text.replace(" ", "") if reset_whitespace else text for text in texts)
        return Analysis(analyzer, "f1", tuple(Outcome(None, text=text) for text in corrected))

    def _sentences(self, text):
        middle = len(text) // 2
        halves = (Sentence(0, middle, text[:middle]), Sentence(middle, len(text), text[middle:]))
        return Outcome(None, sentences=halves)

    def _outcome(self, text, fields):
        if any("\ud800" <= char <= "\udfff" for char in text):
            return Outcome(None, DocumentError("invalid_text", "a lone surrogate: remove it"))
        tokens = []
        for word in text.split():
            start = text.index(word)
            whole = {"form": word, "tag": "NNG", "start": start, "end": start + len(word), "script": None}
            tokens.append(Token({name: whole[name] for name in fields}))
        return Outcome(tuple(tokens))


@pytest.fixture
def client(monkeypatch):
    fake = FakeClient()
    monkeypatch.setattr(texts, "connect", lambda *_: fake)
    return fake


@pytest.fixture
def run(monkeypatch):
    def command(*arguments, stdin=None, stdout=None, operation="analyze"):
        parser = argparse.ArgumentParser()
        analyze.add_parser(parser.add_subparsers())
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        if stdout is not None:
            monkeypatch.setattr(sys, "stdout", stdout)
        parsed = parser.parse_args([operation, *arguments])
        return parsed.run(parsed)

    return command


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_terminal_gets_a_table(run, client, capsys):
    assert run("아버지가 방에") == 0
    out = capsys.readouterr().out
    assert "start-end" in out
    rows = [[cell.strip() for cell in line.split("│")] for line in out.splitlines() if "NNG" in line]
    assert rows == [["아버지가", "NNG", "0-4"], ["방에", "NNG", "5-7"]]


def test_wide_hangul_keeps_the_columns_in_line(run, client, capsys):
    run("가 가나다라마바사 ab")
    lines = [line for line in capsys.readouterr().out.splitlines() if "NNG" in line]
    assert len({cell_len(line[: line.index("│")]) for line in lines}) == 1


def test_fields_become_columns_in_the_order_asked_for(run, client, capsys):
    run("가", "--fields", "tag,end,form,start,script")
    heading = capsys.readouterr().out.splitlines()[1]
    assert [cell.strip() for cell in heading.split("┃")] == ["tag", "form", "start-end", "script"]


def test_a_blank_text_says_that_it_has_no_tokens(run, client, capsys):
    assert run(" ") == 0
    assert "no tokens" in capsys.readouterr().out


def test_a_final_consonant_by_itself_is_shown_as_a_letter_and_kept_in_json(run, client, capsys):
    run("\u11ab다")
    assert "ㄴ다" in capsys.readouterr().out
    run("--json", "\u11ab다")
    assert objects(capsys.readouterr().out)[0]["tokens"][0]["form"] == "\u11ab다"


def test_what_a_terminal_would_obey_is_shown_instead(run, client, capsys):
    run("\x1b[31m빨강[/b]\u200b")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31m빨강[/b]\\u200b" in out


def test_a_pipe_gets_an_object_per_document_in_order(run, client, capsys):
    assert run("--json", "가", " ", "나", "--fields", "form") == 0
    assert capsys.readouterr().out == (
        '{"tokens": [{"form": "가"}], "error": null}\n'
        '{"tokens": [], "error": null}\n'
        '{"tokens": [{"form": "나"}], "error": null}\n'
    )


def test_lines_of_standard_input_are_documents_blank_ones_too(run, client, capsys):
    assert run("--json", stdin="가\r\n\n나".encode()) == 0
    assert [len(line["tokens"]) for line in objects(capsys.readouterr().out)] == [1, 0, 1]
    assert [text for request in client.requests for text in request] == ["가", "", "나"]


def test_nothing_on_standard_input_is_no_documents(run, client, capsys):
    assert run("--json", stdin=b"") == 0
    assert capsys.readouterr().out == ""


def test_a_line_that_is_not_utf_8_costs_that_line_only(run, client, capsys):
    assert run("--json", stdin="가\n".encode() + b"\xb0\xa1\n" + "나\n".encode()) == 1
    captured = capsys.readouterr()
    good, bad, other = objects(captured.out)
    assert bad == {"tokens": None, "error": {"code": "invalid_text", "message": "a lone surrogate: remove it"}}
    assert good["error"] is None
    assert other["tokens"][0]["form"] == "나"
    assert captured.err == "nlpbatch: 1 of 3 documents have an error: 1 invalid_text\n"


def test_a_line_that_is_too_long_costs_that_line_only_and_no_memory(run, client, capsys):
    client.limits = SizeLimits(text_bytes=1000)
    long_line = b"x" * 1_000_000
    assert run("--json", stdin=b"a\n" + long_line + b"\r\nb\n" + long_line) == 1
    codes = [line["error"] and line["error"]["code"] for line in objects(capsys.readouterr().out)]
    assert codes == [None, "text_too_large", None, "text_too_large"]
    assert sum(len(text) for request in client.requests for text in request) == 2


def test_many_lines_go_out_in_requests_of_bounded_size(run, client, capsys):
    client.limits = SizeLimits(documents=100)
    run("--json", stdin=b"abc\n" * 50_000)
    assert sum(map(len, client.requests)) == 50_000
    assert max(map(len, client.requests)) <= 100


def test_all_requests_after_the_first_are_pinned_to_its_version(run, client, capsys):
    client.limits = SizeLimits(documents=1)
    run("--json", stdin=b"a\nb\nc\n")
    assert client.pinned == [None, "f1", "f1"]


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_an_output_that_cannot_show_hangul_gets_escapes(run, client, arguments):
    raw = io.BytesIO()
    run(*arguments, "가\ud800", "나", stdout=io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    assert b"\\ub098" in raw.getvalue()


def test_without_a_service_it_says_what_to_type(run, monkeypatch):
    monkeypatch.delenv("NLPBATCH_SERVICE", raising=False)
    with pytest.raises(ConfigError, match="add --service http://HOST:PORT or set NLPBATCH_SERVICE"):
        run("가")


def test_service_and_key_come_from_the_environment_unless_given(monkeypatch):
    monkeypatch.setenv("NLPBATCH_SERVICE", "http://from-environment")
    monkeypatch.setenv("NLPBATCH_API_KEY", "k-1")
    parser = argparse.ArgumentParser()
    analyze.add_parser(parser.add_subparsers())
    client = texts.connect(parser.parse_args(["analyze", "가"]))
    assert client.service == "http://from-environment"
    assert client._calls._headers["Authorization"] == "Bearer k-1"
    other = texts.connect(parser.parse_args(["analyze", "가", "--service", "http://given", "--api-key", "k-2"]))
    assert other.service == "http://given"
    assert other._calls._headers["Authorization"] == "Bearer k-2"


@pytest.mark.parametrize(("arguments", "patience_s"), [(["가"], 10.0), ([], 300.0), (["--patience", "2"], 2.0)])
def test_a_terminal_retries_for_less_time_than_a_pipe(arguments, patience_s):
    parser = argparse.ArgumentParser()
    analyze.add_parser(parser.add_subparsers())
    assert texts._patience_s(parser.parse_args(["analyze", *arguments])) == patience_s


def test_an_unknown_field_is_wrong_usage_and_named(run, capsys):
    with pytest.raises(SystemExit) as caught:
        run("가", "--fields", "form,colour")
    assert caught.value.code == 2
    assert "unknown token field 'colour'" in capsys.readouterr().err


some_lines = st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")) | st.text("a\r").map(str.encode)


@given(st.lists(some_lines), st.integers(1, 20), st.integers(1, 9))
def test_lines_are_the_same_however_the_stream_arrives(lines, limit_bytes, piece_bytes):
    whole = b"".join(line + b"\n" for line in lines)
    read = [document for some in texts.read_lines(Trickle(whole, piece_bytes), limit_bytes) for document in some]
    assert len(read) == len(lines)
    for line, document in zip(lines, read, strict=True):
        text = line.removesuffix(b"\r")
        if len(text) > limit_bytes:
            assert f"{len(text):,} bytes" in document.message
        else:
            assert document.encode("utf-8", "surrogateescape") == text


class Trickle(io.BytesIO):
    """A pipe that never has more than a few bytes ready."""

    def __init__(self, data, most_bytes):
        super().__init__(data)
        self._most_bytes = most_bytes

    def read1(self, size=-1):
        return super().read1(min(size, self._most_bytes))


def test_tags_and_candidates_are_asked_for(client, run):
    run("--tags", "NNG,NNP", "--top-n", "3", "가")
    assert client.asked == (["NNG", "NNP"], 3)


@pytest.mark.parametrize("arguments", [("--tags", "NOUN"), ("--top-n", "11")])
def test_what_can_t_be_asked_is_refused_before_the_service_is_asked(client, run, arguments):
    with pytest.raises(InvalidRequest):
        run(*arguments, "가")
    assert client.requests == []


def test_sentences_are_a_line_each(client, run, capsys):
    assert run("가.나.", operation="sentences") == 0
    assert capsys.readouterr().out == "가.\n나.\n"
    run("--json", "가.나.", operation="sentences")
    assert objects(capsys.readouterr().out)[0]["sentences"][1] == {"start": 2, "end": 4, "text": "나."}


def test_corrected_texts_are_a_line_each(client, run, capsys):
    assert run("--reset-whitespace", "가 나", "다", operation="space") == 0
    assert capsys.readouterr().out == "가나\n다\n"
    run("--json", "다", operation="space")
    assert objects(capsys.readouterr().out) == [{"text": "다", "error": None}]

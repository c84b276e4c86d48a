"""Answers of the real encoders are cut into rows and written again."""

import json

import pyarrow as pa
import pytest

from nlpbatch.engine.encode import ENCODERS
from nlpbatch.engine.operations import Analysed, FoundSentence, ScoredTokens
from nlpbatch.errors import InternalError
from nlpbatch.server.outcome_cache.forms import form_of, read_all
from nlpbatch.wire.arrow import answer_schema, decode_answer, join_answer
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DocumentError
from tests.fakes.engine import WordToken

# What a caller might write to be taken for the end of an outcome.
NASTY = '},{"tokens":null,"error":null},{"candidates":[]},{"sentences":1},{"text":"\\"},{"text":'
TOKENS = [WordToken(NASTY, 0), WordToken("나", 3)]
SENTENCES = [FoundSentence(0, 4, NASTY, TOKENS), FoundSentence(5, 6, "", [])]
CASES = {
    "tokens": (Options(), Analysed(TOKENS)),
    "one field": (Options(fields=("tag",)), Analysed(TOKENS)),
    "candidates": (Options(candidates=True), Analysed(candidates=[ScoredTokens(TOKENS, -1.5), ScoredTokens([], 0.0)])),
    "tokens and sentences": (Options(sentences=True), Analysed(TOKENS, sentences=SENTENCES)),
    "sentences": (Options("sentences"), Analysed(sentences=SENTENCES)),
    "sentences with tokens": (Options("sentences", return_tokens=True), Analysed(sentences=SENTENCES)),
    "space": (Options("space"), Analysed(text=NASTY)),
    "join": (Options("join", return_positions=True), Analysed(text=NASTY, positions=[(0, 1), (1, 2)])),
    "glue": (Options("glue", return_space_insertions=True), Analysed(text="", space_insertions=[True, False])),
}
FAILED = Analysed(error=DocumentError("worker_died", '"error":null'))


@pytest.fixture(params=["arrow", "json"])
def encoding(request):
    return request.param


@pytest.fixture(params=CASES, ids=list(CASES))
def case(request):
    return CASES[request.param]


def outcomes(encoding, options, *bodies):
    """Return what a caller reads in an answer of these bodies."""
    if encoding == "json":
        return json.loads(b"[" + b",".join(bodies) + b"]")
    body = join_answer(bodies, options=options, analyzer="default", fingerprint="f")
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all().to_pylist()


def test_rows_are_cut_moved_and_written_without_a_change(encoding, case):
    options, good = case
    form, encode = form_of(encoding, options), ENCODERS[encoding]
    bodies = [encode([good, FAILED, Analysed()], options), encode([good], options)]
    whole = outcomes(encoding, options, *bodies)
    first, second = read_all(form, bodies, 4)
    assert (len(first), len(second)) == (3, 1)
    assert form.succeeded(first) == [True, False, True]
    assert form.succeeded(second) == [True]
    assert outcomes(encoding, options, form.write(first), form.write(second)) == whole
    arranged = form.arrange([second, first], [2, 0, 0, 3, 1])
    expected = [whole[1], whole[3], whole[3], whole[2], whole[0]]
    assert outcomes(encoding, options, form.write(arranged)) == expected
    gathered = form.gather([(first, 1), (second, 0), (first, 0)])
    assert outcomes(encoding, options, form.write(gathered)) == [whole[1], whole[3], whole[0]]


def test_long_runs_of_rows_are_arranged_as_single_rows_are(encoding):
    form = form_of(encoding, Options())
    rows = form.read(ENCODERS[encoding]([Analysed([WordToken(str(number), 0)]) for number in range(200)], Options()))
    order = [*range(50, 200), 3, *range(50), 7, 199]
    outcome = outcomes(encoding, Options(), form.write(form.arrange([form.gather([(rows, 0)]), rows], order)))
    assert [one["tokens"][0]["form"] for one in outcome] == [str(max(0, row - 1)) for row in order]


def test_an_arranged_answer_passes_the_clients_own_check(case):
    options, good = case
    form = form_of("arrow", options)
    rows = form.read(ENCODERS["arrow"]([good, FAILED], options))
    body = join_answer([form.write(form.arrange([rows], [1, 0, 0]))], options=options, analyzer="a", fingerprint="f")
    assert decode_answer(body, documents=3, options=options).schema.equals(answer_schema(options))


def test_the_bytes_of_rows_are_those_of_their_memory(encoding):
    options = Options()
    form = form_of(encoding, options)
    few, many = (form.read(ENCODERS[encoding]([Analysed(TOKENS)] * count, options)) for count in (100, 1000))
    assert form.size_bytes(many) == pytest.approx(10 * form.size_bytes(few), rel=0.05)
    assert form.size_bytes(few) > 100 * 1 * len(NASTY.encode())


def test_rows_of_arrow_hold_no_other_memory():
    """Some buffers of a compressed message are not compressed, and would hold all of it."""
    options = Options()
    form = form_of("arrow", options)
    body = ENCODERS["arrow"]([Analysed(TOKENS)] * 100, options)
    before = pa.total_allocated_bytes()
    rows = form.read(body)
    taken = pa.total_allocated_bytes() - before
    assert rows.nbytes <= taken <= rows.nbytes + form.segment_bytes


def test_a_body_of_no_documents_has_no_rows():
    assert form_of("json", Options()).read(ENCODERS["json"]([], Options())) == []


def test_an_answer_with_another_number_of_outcomes_is_refused(encoding):
    body = ENCODERS[encoding]([Analysed(TOKENS)], Options())
    with pytest.raises(InternalError, match=r"1 outcomes for 2 documents.*cache\.size_bytes = 0"):
        read_all(form_of(encoding, Options()), [body], 2)

"""An API that keeps outcomes gives the answers of one that doesn't, and doesn't analyse what came before."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from nlpbatch.wire.arrow import document_type, encode_request
from nlpbatch.wire.media import ARROW_STREAM, CACHED, JSON, OPERATION_PATHS, PRIORITY, etag
from tests.fakes.running_api import eventually, running_api

MIB = 1024 * 1024
# Limits and workers of the API without a cache, so that answers can be the same to the byte.
CONFIG = """
[pool]
workers = 2
[limits]
text_bytes = 50_000
body_bytes = 1_000_000
[cache]
size_bytes = 67_108_864
"""
NASTY = [
    "},{",
    '"},{"tokens":',
    '{"text":"',
    "",
    " ",
    "\n",
    "\ud83d",
    "각",
    "가\u200b나",
    "👨\u200d👩\u200d👧",
    "긴 " * 20_000,
]
SPAN = [0, 2, "NNG"]
OPTIONS = {
    "analyze": [
        {},
        {"fields": ["form"]},
        {"sentences": True},
        {"top_n": 3},
        {"candidates": True},
        {"tags": ["NNG"], "stopwords": True},
        {"normalize_coda": True, "stopwords": ["영화"]},
    ],
    "sentences": [{}, {"return_tokens": True}],
    "space": [{}, {"reset_whitespace": True}],
    "join": [{}, {"return_positions": True}, {"lm_search": False}],
    "glue": [{}, {"return_space_insertions": True}],
}
CASES = [(operation, options) for operation, several in OPTIONS.items() for options in several]


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    with running_api("kiwi", tmp_path_factory.mktemp("cached"), CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def texts(sample):
    return [*sample[:40], *NASTY]


def draw(operation, texts, chance):
    """Return documents of an operation, some of which come again, and the extra member of each; None for no extras."""
    chosen = [chance.choice(texts) for _ in range(chance.randint(1, 25))] + [None]
    chance.shuffle(chosen)
    if operation == "join":
        return [None if text is None else [["영화", "NNG"], [text[:3], "NNG"], ["이", "JKS"]] for text in chosen], None
    if operation == "glue":
        documents = [None if text is None else [text[:4], text[4:8]] for text in chosen]
        return documents, [None if one is None or chance.random() < 0.5 else [True, False] for one in documents]
    if operation == "analyze" and chance.random() < 0.3:
        long_enough = [text if text is None or len(text) >= 2 else "영화" for text in chosen]
        return long_enough, [None if one is None or chance.random() < 0.5 else [SPAN] for one in long_enough]
    return chosen, None


def send_json(api, operation, options, documents, extra, **headers):
    member = {"join": "morphemes", "glue": "chunks"}.get(operation, "texts")
    body = {member: documents} | options
    if extra is not None:
        body["insert_new_lines" if operation == "glue" else "pretokenized"] = extra
    return api.http.request(
        "POST", api.url + OPERATION_PATHS[operation], body=json.dumps(body), headers={"Content-Type": JSON} | headers
    )


def send_arrow(api, operation, options, documents, extra, **headers):
    column = {"join": "morphemes", "glue": "chunks"}.get(operation, "text")
    rows = documents
    if operation == "join":
        rows = [one and [{"form": form, "tag": tag, "space": None} for form, tag in one] for one in documents]
    array = _array(rows, document_type(column))
    further = None
    if operation == "glue":
        further = pa.array(extra, document_type("insert_new_lines"))
    elif extra is not None:
        spans = [one and [{"start": 0, "end": 2, "tag": "NNG", "tokens": None}] for one in extra]
        further = pa.array(spans, document_type("pretokenized"))
    query = "&".join(f"{name}={_query(value)}" for name, value in options.items())
    return api.http.request(
        "POST",
        f"{api.url}{OPERATION_PATHS[operation]}?{query}",
        body=encode_request(array, operation, further),
        headers={"Content-Type": ARROW_STREAM} | headers,
    )


def _array(rows, type_):
    if type_ == pa.string():
        return pa.array([row and row.encode("utf-8", "surrogatepass") for row in rows], pa.binary()).view(type_)
    return pa.array([row and _clean(row) for row in rows], type_)


def _clean(value):
    """Return a list without lone surrogates, which Arrow's strings in lists can't be made of."""
    if isinstance(value, str):
        return value.replace("\ud83d", "?")
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def _query(value):
    return ",".join(value) if isinstance(value, list) else json.dumps(value)


def read(answer):
    """Return what an answer says; its bytes may differ, as Arrow's batches do."""
    assert answer.status == 200, answer.data
    if answer.headers["Content-Type"] == ARROW_STREAM:
        with pa.ipc.open_stream(answer.data) as reader:
            table = reader.read_all()
        return table.schema, table.schema.metadata, table.to_pylist()
    return answer.json()


@pytest.mark.parametrize("send", [send_json, send_arrow], ids=["json", "arrow"])
@pytest.mark.parametrize(("operation", "options"), CASES, ids=[f"{name} {options}" for name, options in CASES])
def test_any_sequence_of_requests_is_answered_as_without_a_cache(api, cached, texts, send, operation, options):
    chance = random.Random(f"{operation}{options}")
    hits = 0
    for _ in range(12):
        documents, extra = draw(operation, texts, chance)
        priority = chance.choice(["u=3", "u=6"])
        expected = send(api, operation, options, documents, extra, **{PRIORITY: priority})
        answer = send(cached, operation, options, documents, extra, **{PRIORITY: priority})
        assert read(answer) == read(expected)
        assert expected.headers[CACHED] == "0"
        assert answer.headers["Nlpbatch-Documents"] == str(len(documents))
        hits += int(answer.headers[CACHED])
    assert hits > 20


def test_requests_at_the_same_time_get_their_own_answers(api, cached, sample):
    chance = random.Random(5)
    requests = [[chance.choice(sample[40:140]) for _ in range(20)] for _ in range(60)]
    expected = [api.ask({"texts": request}).json() for request in requests]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda request: cached.ask({"texts": request}).json(), requests))
        again = list(threads.map(lambda request: cached.ask({"texts": request}), requests))
    assert answers == expected
    assert [answer.json() for answer in again] == expected
    assert {answer.headers[CACHED] for answer in again} == {"20"}


def test_metrics_tell_what_was_analysed_from_what_was_kept(cached):
    counted = ("documents_total", "documents_cached_total", "code_points_total", "tokens_total", "cache_misses_total")

    def counts():
        return [cached.metric(f"nlpbatch_{name}") for name in counted]

    before = counts()
    cached.ask({"texts": ["처음 온 글", "처음 온 글", None]})
    cached.ask({"texts": ["처음 온 글"]})
    difference = [now - then for now, then in zip(counts(), before, strict=True)]
    assert difference == [4, 2, 6, 4, 1]
    assert cached.metric("nlpbatch_cache_kinds", state="on") > 0
    assert 0 < cached.metric("nlpbatch_cache_bytes") < 64 * MIB
    assert cached.metric("nlpbatch_cache_cpu_seconds_total") > 0
    assert [event["cached"] for event in cached.events() if event.get("documents")][-2:] == [1, 1]


def test_a_changed_dictionary_is_in_force_for_texts_that_came_before(tmp_path):
    words = tmp_path / "words.tsv"
    words.write_text("밀크티라떼\tNNP\n", encoding="utf-8")
    config = CONFIG + '[analyzers.default]\ndictionaries = ["words.tsv"]\n'
    with running_api("kiwi", tmp_path, config) as api:

        def ask(**headers):
            answer = api.ask({"texts": ["쀍쀍이 밀크티라떼"], "fields": ["form"]}, **headers)
            forms = [token["form"] for token in answer.json()["outcomes"][0]["tokens"]]
            return forms, answer.headers[CACHED], answer.headers["ETag"]

        first, _, before = ask()
        assert ask() == (first, "1", before)
        words.write_text("쀍쀍이\tNNP\n", encoding="utf-8")
        eventually(lambda: ask()[2] != before)
        now, cached, after = ask()
        assert (now[0], cached) == ("쀍쀍이", "1")
        assert now != first
        assert ask(**{"If-Match": before}) == (first, "1", before)
        assert ask(**{"If-Match": after})[0] == now
        assert api.ask({"texts": ["쀍쀍이 밀크티라떼"]}, **{"If-Match": etag("0" * 32)}).status == 412


def test_a_text_that_killed_a_worker_is_tried_again_and_its_neighbours_are_kept(tmp_path):
    with running_api("obedient", tmp_path, CONFIG) as api:
        for times in (1, 2):
            answer = api.ask({"texts": ["좋아요", "!die", "또 좋아요"]})
            errors = [one["error"] and one["error"]["code"] for one in answer.json()["outcomes"]]
            assert errors == [None, "worker_died", None]
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers[CACHED] == ("0" if times == 1 else "2")
            api.wait_for_workers(2)
            assert api.metric("nlpbatch_workers_lost_total") == times


def resident_bytes(api):
    lines = Path(f"/proc/{api.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


@pytest.mark.parametrize("kind", ["one document a request", "many", "many kinds of questions"])
@pytest.mark.parametrize("encoding", [JSON, ARROW_STREAM])
def test_whatever_is_asked_its_memory_stays_within_its_bound(tmp_path, kind, encoding):
    bound = 16 * MIB
    config = CONFIG.replace("67_108_864", str(bound)).replace("workers = 2", "workers = 1")
    fields = "form,tag,start,len" if kind == "one document a request" else "form,tag,lemma,base_form,raw_form,start"
    chance = random.Random(3)

    def ask(texts, query=""):
        documents = pa.array(texts, pa.string())
        answer = api.ask_arrow(documents, f"?fields={fields}{query}", Accept=encoding, **{PRIORITY: "u=6"})
        assert answer.status == 200
        return len(answer.data)

    with running_api("obedient", tmp_path, config) as api:
        for number in range(50):
            ask([f"처음 {number}"])
        before = resident_bytes(api)
        sizes = {
            "one document a request": (4000, 1, 60),
            "many": (150, 100, 30),
            "many kinds of questions": (400, 50, 10),
        }
        requests, documents, words = sizes[kind]
        for number in range(requests):
            query = f"&stopwords=kind{number % 100}" if kind == "many kinds of questions" else ""
            ask([" ".join(f"{chance.getrandbits(40):x}" for _ in range(words)) for _ in range(documents)], query)
        assert api.metric("nlpbatch_cache_bytes") <= bound
        assert api.metric("nlpbatch_cache_dropped_total") > 0
        assert resident_bytes(api) - before <= 1.5 * bound

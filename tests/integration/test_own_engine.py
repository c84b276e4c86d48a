"""Functions of one's own in real worker processes: killed, hanging, growing, and refused at the start."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from nlpbatch.wire.media import CACHED, CALL_PATH, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, JSON, PRIORITY, etag
from tests.fakes.running_api import children, eventually, refused, running_api

MODULE = Path(__file__).parents[1] / "fakes" / "rough_operations.py"
CONFIG = """
[pool]
workers = 2
memory_bytes = 67_108_864
[limits]
document_s = 0.5
[analyzers.own]
engine = "python:rough:load"
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    directory = tmp_path_factory.mktemp("api")
    shutil.copy(MODULE, directory / "rough.py")
    with running_api("kiwi", directory, CONFIG) as running:
        yield running


@pytest.fixture(autouse=True)
def released(request):
    yield
    if "api" in request.fixturenames:
        api = request.getfixturevalue("api")
        assert api.http.request("DELETE", f"{api.url}/quarantine").status == 204
        api.wait_for_workers(2)


def send(api, *texts, operation="follow", **headers):
    body = json.dumps({"texts": texts, "analyzer": "own", "operation": operation}).encode()
    return api.http.request("POST", api.url + CALL_PATH, body=body, headers={"Content-Type": JSON} | headers)


def call(api, *texts):
    answer = send(api, *texts)
    assert answer.status == 200, answer.data
    outcomes = answer.json()["outcomes"]
    for text, outcome in zip(texts, outcomes, strict=True):
        assert (outcome["result"] is None) == (outcome["error"] is not None)
        if outcome["error"] is not None:
            assert text not in outcome["error"]["message"]
    return [outcome["error"] and outcome["error"]["code"] for outcome in outcomes]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("dead !die", "worker_died"),
        ("slow !hang", "deadline_exceeded"),
        ("large !grow=80", "memory_exceeded"),
        ("wrong !raise", "analysis_failed"),
        ("left !exit", "analysis_failed"),
    ],
)
def test_a_text_that_goes_wrong_costs_itself_alone(api, text, code):
    assert call(api, "before", text, "after") == [None, code, None]


def test_a_text_that_costs_two_workers_is_quarantined(api):
    for _ in range(2):
        assert call(api, "again !hang") == ["deadline_exceeded"]
    eventually(lambda: api.get("/quarantine").json()["documents"] != [])
    assert call(api, "again !hang", "other") == ["quarantined", None]
    assert "again" not in api.get("/quarantine").data.decode()


def test_a_worker_whose_functions_leak_is_replaced_when_it_is_idle(api):
    lost, before = api.metric("nlpbatch_workers_lost_total"), set(api.workers())
    assert call(api, "large !leak=40") == [None]
    eventually(lambda: len(before & set(api.workers())) == 1 and len(api.workers()) == 2)
    api.wait_for_workers(2)
    assert api.metric("nlpbatch_workers_lost_total") == lost


def test_an_interactive_call_interrupts_a_batch_one_between_two_texts(api):
    """Each batch takes three seconds of a worker, all but one of whose texts still wait when the other call comes."""
    batches = [[f"{number} {text} !nap=30" for text in range(100)] for number in range(2)]
    sent = [api.threads.submit(send, api, *batch, **{PRIORITY: "u=6"}) for batch in batches]
    eventually(lambda: api.metric("nlpbatch_workers_busy") == 2)
    assert call(api, "at once") == [None]
    assert not any(one.done() for one in sent)
    for answer, batch in zip(sent, batches, strict=True):
        outcomes = answer.result().json()["outcomes"]
        assert [one["result"] for one in outcomes] == [{"length": len(text)} for text in batch]


def test_a_call_can_be_pinned_to_a_version(api):
    (known,) = api.get("/v1/analyzers").json()["analyzers"]
    right = send(api, "가", **{"If-Match": etag(known["fingerprint"])})
    assert (right.status, right.json()["fingerprint"]) == (200, known["fingerprint"])
    assert right.headers["ETag"] == etag(known["fingerprint"])
    other = send(api, "가", **{"If-Match": etag("0" * 32)})
    assert (other.status, other.json()["code"]) == (412, "fingerprint_mismatch")
    assert other.json()["fingerprint"] == known["fingerprint"]


def stamps(answer):
    assert answer.status == 200, answer.data
    return [outcome["result"]["at"] for outcome in answer.json()["outcomes"]]


def test_a_batch_call_with_a_key_is_answered_again_without_a_second_call(api):
    def ask(key, *texts):
        return send(api, *texts, operation="stamp", **{IDEMPOTENCY_KEY: key, PRIORITY: "u=6"})

    first, again = ask("one", "가", "나"), ask("one", "가", "나")
    assert stamps(first) == stamps(again)
    assert IDEMPOTENCY_REPLAYED not in first.headers
    assert again.headers[IDEMPOTENCY_REPLAYED] == "true"
    assert set(stamps(ask("two", "가", "나"))).isdisjoint(stamps(first))
    assert set(stamps(ask("one", "가", "다"))).isdisjoint(stamps(first))


def test_texts_that_came_before_get_their_kept_results(tmp_path):
    shutil.copy(MODULE, tmp_path / "rough.py")
    with running_api("kiwi", tmp_path, CONFIG + "[cache]\nsize_bytes = 1_048_576\n") as api:
        first = send(api, "가", "나", None, operation="stamp")
        assert first.status == 200
        again = send(api, "나", "다", "가", operation="stamp")
        known, new = first.json()["outcomes"], again.json()["outcomes"]
        assert [new[0], new[2]] == [known[1], known[0]]
        assert new[1]["result"] not in [one["result"] for one in known]
        assert again.headers[CACHED] == "2"
        # What failed isn't kept, nor is a result of another operation taken.
        assert [send(api, "!raise").headers[CACHED] for _ in range(2)] == ["0", "0"]
        assert send(api, "가").json()["outcomes"][0]["result"] == {"length": 1}


def reasons(api):
    return [event["reason"] for event in api.events() if event["event"] == "forkserver not restarted"]


def test_a_source_that_was_changed_gets_no_work_before_a_restart(tmp_path):
    source = tmp_path / "rough.py"
    shutil.copy(MODULE, source)
    with running_api("kiwi", tmp_path, CONFIG) as api:
        before = source.read_text()
        source.write_text(before.replace('"length": len(text)', '"length": -1'))
        os.kill(api.forkserver(), signal.SIGKILL)
        eventually(lambda: reasons(api))
        assert "the installed engine now has fingerprint" in reasons(api)[0]
        assert "restart the service" in reasons(api)[0]
        assert send(api, "가나").json()["outcomes"][0]["result"] == {"length": 2}  # by the workers that there are
        source.write_text(before)
        eventually(lambda: api.metric("nlpbatch_workers") == 2 and len(children(api.process.pid)) == 1)
        assert call(api, "dead !die", "after") == ["worker_died", None]
        api.wait_for_workers(2)


LATE = """
import pyarrow as pa
from nlpbatch.engine.functions import Functions, Operation

def follow(text):
    if text == "late":
        import part
        return {"length": part.LENGTH}
    return {"length": len(text)}

def load():
    return Functions({"follow": Operation(follow, pa.struct([("length", pa.int32())]))})
"""


def test_a_source_that_is_imported_at_a_text_is_that_of_the_version_or_none(tmp_path):
    (tmp_path / "rough.py").write_text(LATE)
    part = tmp_path / "part.py"
    part.write_text("LENGTH = 7\n")

    def lengths(api):
        return [one["result"] and one["result"]["length"] for one in send(api, "가나", "late").json()["outcomes"]]

    with running_api("kiwi", tmp_path, CONFIG.replace("workers = 2", "workers = 1")) as api:
        first = api.get("/v1/analyzers").json()["analyzers"][0]["fingerprint"]
        part.write_text("LENGTH = 77\n")
        assert lengths(api) == [2, None]
        assert "ImportError" in send(api, "late").json()["outcomes"][0]["error"]["message"]
        part.write_text("LENGTH = 7\n")
        assert lengths(api) == [2, 7]
    part.write_text("LENGTH = 77\n")
    with running_api("kiwi", tmp_path, CONFIG) as api:
        assert api.get("/v1/analyzers").json()["analyzers"][0]["fingerprint"] != first
        assert lengths(api) == [2, 77]


def test_an_engine_that_hangs_when_it_is_loaded_again_is_given_up_and_tried_again(tmp_path):
    shutil.copy(MODULE, tmp_path / "rough.py")
    gate = tmp_path / "gate"
    config = CONFIG.replace("workers = 2", "workers = 2\nload_s = 10").replace(":load", ":hangs")
    with running_api("kiwi", tmp_path, f"{config}settings = {{ while_there = {json.dumps(str(gate))} }}\n") as api:
        gate.touch()
        os.kill(api.forkserver(), signal.SIGKILL)
        eventually(lambda: reasons(api))
        assert "it took longer than 10 s" in reasons(api)[0]
        assert call(api, "by the workers that there are") == [None]
        gate.unlink()
        assert call(api, "dead !die", "after") == ["worker_died", None]
        api.wait_for_workers(2)


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("raises", "raised RuntimeError: the model is not there"),
        ("threads", "has started 1 threads while it was loaded (loader)"),
        ("native_threads", "has started 1 threads while it was loaded, and workers are forked from this process"),
        ("threads_at_first_text", "threads while it was loaded (late, late"),
        ("exits", "raised SystemExit: no licence"),
        ("dies", "its process ended with status -9 while loading"),
        ("hangs", "it took longer than 3 s: see what its load, or its first text, waits for, or raise pool.load_s"),
        ("hangs_at_first_text", "it took longer than 3 s"),
        ("always_fails", "operation fail fails on each of 8 plain sentences: the engine raised ZeroDivisionError"),
        ("after_fork", "operation at_home fails on each of 8 plain sentences: the engine raised OSError"),
        ("nowhere", "has no 'nowhere'"),
    ],
)
def test_an_engine_that_cannot_work_is_refused_before_it_serves(tmp_path, factory, says):
    shutil.copy(MODULE, tmp_path / "rough.py")
    load_s = 3 if factory.startswith("hangs") else 60
    pool = f"[pool]\nworkers = 1\nload_s = {load_s}\n"
    ended = refused("kiwi", tmp_path, f'{pool}[analyzers.own]\nengine = "python:rough:{factory}"\n')
    assert ended.returncode == 2
    assert says in ended.stderr


def test_two_analyzers_of_one_name_are_refused_with_the_line(tmp_path):
    ended = refused("kiwi", tmp_path, '[analyzers.own]\nengine = "kiwi"\n[analyzers.own]\nengine = "python:a:b"\n')
    assert ended.returncode == 2
    assert "server.toml:3: not TOML" in ended.stderr


def test_an_installed_package_brings_an_engine(tmp_path, monkeypatch):
    """A distribution as pip would install it, in a directory of its own."""
    shutil.copy(MODULE, tmp_path / "rough_engine.py")
    with (tmp_path / "rough_engine.py").open("a") as file:
        file.write(
            "\nfrom dataclasses import replace\nfrom nlpbatch.engine.functions import FunctionEngine\n"
            "def Engine(spec):\n    return FunctionEngine(replace(spec, engine='python:rough_engine:load'))\n"
        )
    info = tmp_path / "rough_engine-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rough-engine\nVersion: 1.5\n")
    (info / "top_level.txt").write_text("rough_engine\n")
    (info / "entry_points.txt").write_text("[nlpbatch.engines]\nrough = rough_engine:Engine\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    directory = tmp_path / "service"
    directory.mkdir()
    with running_api("kiwi", directory, '[pool]\nworkers = 1\n[analyzers.own]\nengine = "rough"\n') as api:
        assert call(api, "some text") == [None]
        (known,) = api.get("/v1/analyzers").json()["analyzers"]
        assert known["model"] == "rough-engine 1.5"

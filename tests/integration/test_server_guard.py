"""Documents that take too long or too much cost themselves alone; done again, they are refused."""

import os
import time
from pathlib import Path

import pytest

from tests.fakes.running_api import eventually, running_api

CONFIG = """
[pool]
workers = 2
memory_bytes = 67_108_864
[limits]
document_s = 0.5
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with running_api("obedient", tmp_path_factory.mktemp("api"), CONFIG) as running:
        yield running


@pytest.fixture(autouse=True)
def released(api):
    yield
    assert api.http.request("DELETE", f"{api.url}/quarantine").status == 204
    api.wait_for_workers(2)


def codes(answer):
    assert answer.status == 200
    return [outcome["error"] and outcome["error"]["code"] for outcome in answer.json()["outcomes"]]


def resident_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_a_document_over_its_time_is_given_up_and_its_neighbours_are_answered(api, tmp_path):
    started_s = time.monotonic()
    answer = api.ask({"texts": ["before", f"slow !wait={tmp_path / 'never'}", "after"]})
    assert codes(answer) == [None, "deadline_exceeded", None]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "longer than 0.5 s" in answer.json()["outcomes"][1]["error"]["message"]
    assert 0.5 <= time.monotonic() - started_s < 10


def test_a_document_over_its_memory_is_given_up_and_its_neighbours_are_answered(api):
    answer = api.ask({"texts": ["before", "large !hold=80", "after"]})
    assert codes(answer) == [None, "memory_exceeded", None]
    assert "more than 64 MiB" in answer.json()["outcomes"][1]["error"]["message"]


def test_a_worker_that_does_not_give_its_memory_back_is_replaced_when_it_is_idle(api):
    lost = api.metric("nlpbatch_workers_lost_total")
    before = set(api.workers())
    assert codes(api.ask({"texts": ["large !grow=40"]})) == [None]
    eventually(lambda: len(before & set(api.workers())) == 1 and len(api.workers()) == 2)
    api.wait_for_workers(2)
    assert all(resident_mib(pid) < 1.3 * resident_mib(api.forkserver()) + 20 for pid in api.workers())
    assert api.metric("nlpbatch_workers_lost_total") == lost


@pytest.mark.parametrize(
    ("text", "code"), [("slow !wait=/nowhere/x", "deadline_exceeded"), ("dead !crash", "worker_died")]
)
def test_one_that_costs_workers_again_and_again_is_refused(api, text, code):
    for _ in range(2):
        assert codes(api.ask({"texts": ["before", text, "after"]})) == [None, code, None]
    # How the second worker ended is known a moment later.
    eventually(lambda: api.get("/quarantine").json()["documents"] != [])
    assert codes(api.ask({"texts": ["before", text, "after"]})) == [None, "quarantined", None]
    (told,) = api.get("/quarantine").json()["documents"]
    assert told | {"analyzer": "default", "size_bytes": len(text), "codes": {code: 2}} == told
    assert text not in api.get("/quarantine").data.decode()


def test_one_whose_workers_were_killed_by_others_is_innocent(api):
    assert [codes(api.ask({"texts": ["killed !die"]})) for _ in range(4)] == [["worker_died"]] * 4


def test_it_is_given_another_chance_by_the_operator(api):
    for _ in range(2):
        api.ask({"texts": ["again !crash"]})
    eventually(lambda: api.get("/quarantine").json()["documents"] != [])
    api.http.request("DELETE", f"{api.url}/quarantine")
    assert codes(api.ask({"texts": ["again !crash"]})) == ["worker_died"]


def test_the_time_of_one_that_waits_for_its_turn_does_not_count(api, tmp_path):
    gates = [tmp_path / str(number) for number in range(8)]
    asked = [api.asking(f"slow !wait={gate}") for gate in gates]
    for gate in gates:
        time.sleep(0.1)
        gate.touch()
    assert [codes(future.result()) for future in asked] == [[None]] * 8

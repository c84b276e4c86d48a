"""Documents that take too long or too much cost themselves alone; done again, they are refused."""

import json
import os
import socket
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
def test_a_document_that_costs_two_workers_is_quarantined(api, text, code):
    for _ in range(2):
        assert codes(api.ask({"texts": ["before", text, "after"]})) == [None, code, None]
    # How the second worker ended is known a moment later.
    eventually(lambda: api.get("/quarantine").json()["documents"] != [])
    assert codes(api.ask({"texts": ["before", text, "after"]})) == [None, "quarantined", None]
    (refused,) = api.get("/quarantine").json()["documents"]
    assert refused | {"analyzer": "default", "size_bytes": len(text), "codes": {code: 2}} == refused
    assert text not in api.get("/quarantine").data.decode()


def test_a_document_whose_workers_were_killed_from_outside_is_not_quarantined(api):
    assert [codes(api.ask({"texts": ["killed !die"]})) for _ in range(4)] == [["worker_died"]] * 4


def test_the_operator_can_give_a_quarantined_document_another_chance(api):
    for _ in range(2):
        api.ask({"texts": ["again !crash"]})
    eventually(lambda: api.get("/quarantine").json()["documents"] != [])
    api.http.request("DELETE", f"{api.url}/quarantine")
    assert codes(api.ask({"texts": ["again !crash"]})) == ["worker_died"]


def test_the_wait_for_a_worker_does_not_count_as_a_document_s_time(api, tmp_path):
    gates = [tmp_path / str(number) for number in range(8)]
    asked = [api.asking(f"slow !wait={gate}") for gate in gates]
    for gate in gates:
        time.sleep(0.1)
        gate.touch()
    assert [codes(future.result()) for future in asked] == [[None]] * 8


def blocked(api, command, *texts):
    return api.ask({"texts": texts or ["가"], "blocklist": [command]})


@pytest.mark.parametrize(
    ("command", "status", "code"), [("!refuse", 422, "invalid_option"), ("!fail", 500, "internal")]
)
def test_an_engine_error_before_the_first_document_is_answered_at_once_and_costs_no_worker(api, command, status, code):
    lost, workers = api.metric("nlpbatch_workers_lost_total"), set(api.workers())
    answer = blocked(api, command, "하나", "둘", None)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert set(api.workers()) == workers
    assert api.metric("nlpbatch_workers_lost_total") == lost


def test_a_question_that_workers_crash_on_costs_three_of_them_and_is_then_refused(api):
    lost = api.metric("nlpbatch_workers_lost_total")
    answer = blocked(api, "!crash", "하나", None, "둘")
    if answer.status == 200:  # else how the third worker ended was known in time
        assert codes(answer) == ["worker_died", None, "worker_died"]
    eventually(lambda: api.get("/quarantine").json()["questions"] != [])
    api.wait_for_workers(2)
    refused = blocked(api, "!crash", "셋")
    assert (refused.status, refused.json()["code"]) == (422, "invalid_option")
    assert api.metric("nlpbatch_workers_lost_total") == lost + 3
    assert codes(api.ask({"texts": ["셋"]})) == [None]
    (refused,) = api.get("/quarantine").json()["questions"]
    assert (refused["operation"], refused["options"]["blocklist"], refused["deaths"]) == ("analyze", ["!crash"], 3)


def test_options_whose_workers_were_killed_from_outside_are_not_refused(api):
    lost = api.metric("nlpbatch_workers_lost_total")
    assert [codes(blocked(api, "!die")) for _ in range(2)] == [["worker_died"]] * 2
    assert api.metric("nlpbatch_workers_lost_total") == lost + 6


def test_a_worker_that_hangs_before_a_document_is_killed_after_the_time_of_one(api):
    started_s = time.monotonic()
    answer = blocked(api, "!hang")
    assert answer.status == 422 or codes(answer) == ["worker_died"]
    assert 1.5 <= time.monotonic() - started_s < 20
    api.wait_for_workers(2)


def test_a_request_whose_caller_has_hung_up_costs_no_second_worker(api):
    lost = api.metric("nlpbatch_workers_lost_total")
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as connection:
        body = json.dumps({"texts": ["가"], "blocklist": ["!hang"]}).encode()
        head = f"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        eventually(lambda: api.metric("nlpbatch_workers_busy") == 1)
    eventually(lambda: api.metric("nlpbatch_workers_lost_total") == lost + 1)
    api.wait_for_workers(2)
    assert codes(api.ask({"texts": ["나"]})) == [None]
    assert api.metric("nlpbatch_workers_lost_total") == lost + 1

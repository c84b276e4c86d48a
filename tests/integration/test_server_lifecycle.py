"""Starting, waiting, draining and ending: the real command, mostly with an engine that waits when a text says so."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlpbatch
from nlpbatch.wire.analyze import parse_answer
from nlpbatch.wire.priority import BATCH
from tests.fakes.running_api import Api, alive, descriptors, eventually, refused, running_api, started_with

ONE_WORKER = "[pool]\nworkers = 1\n"


def family(api: Api) -> list[int]:
    return [api.process.pid, api.forkserver(), *api.workers()]


def hold(api: Api, gate: Path):
    """Keep a worker busy until the gate is there."""
    busy = api.metric("nlpbatch_workers_busy")
    held = api.asking(f"문 !wait={gate}")
    eventually(lambda: api.metric("nlpbatch_workers_busy") == busy + 1)
    return held


def hang_up_after(api: Api, *texts: str, **headers: str) -> None:
    """Ask and leave as soon as the texts are in the queue."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    queued = api.metric("nlpbatch_queue_bytes")
    body = json.dumps({"texts": texts}).encode()
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as caller:
        head = (
            f"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nX-Request-Id: gone\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        )
        caller.sendall(head.encode() + body)
        eventually(lambda: api.metric("nlpbatch_queue_bytes") > queued)


def test_while_kiwi_loads_it_lives_but_is_not_ready_and_says_when_to_come_back(tmp_path):
    with running_api("kiwi", tmp_path, ready=False) as api:
        assert api.get("/healthz").status == 200
        loading = api.get("/readyz")
        assert (loading.status, loading.json()) == (
            503,
            {"ready": False, "version": nlpbatch.__version__, "contract": "1.0", "workers": 0, "fingerprints": []},
        )
        for answer in (api.ask({"texts": ["좋아요"]}), api.get("/v1/analyzers")):
            assert (answer.status, answer.json()["code"]) == (503, "no_capacity")
            assert int(answer.headers["Retry-After"]) >= answer.json()["retry_after_s"] > 0
        assert api.ask({"texts": ["좋아요"], "analyzer": "other"}).status == 404
        processes = [api.process.pid, api.forkserver()]
        api.process.terminate()
        assert api.process.wait(10) == 0
        assert not any(alive(pid) for pid in processes)


def test_a_model_that_kiwi_cannot_load_ends_the_process_with_the_reason(tmp_path):
    # Kiwi looks for its model beside its package; a shadow of that package has none.
    shadow = tmp_path / "kiwipiepy_model"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("__version__ = '0'\n")
    done = refused("kiwi", tmp_path, "[analyzers.default]\nmodel = 'cong-global'\n", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "analyzer 'default' can't be loaded" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_analyzer_that_cannot_be_loaded_ends_the_others_too(tmp_path):
    done = refused(
        "obedient", tmp_path, "[analyzers.default]\n[analyzers.broken]\n[analyzers.more]\n", STARTED_BY=str(tmp_path)
    )
    assert done.returncode == 2
    assert "analyzer 'broken' can't be loaded: ValueError: there is no such option" in done.stderr
    assert "Traceback" not in done.stderr
    assert not started_with("STARTED_BY", str(tmp_path))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            "[pool]\nworkers = -1\n[listen]\nprt = 1\n",
            ("pool.workers = -1", "listen.prt: unknown key: did you mean port?"),
        ),
        ("[analyzers.default]\nmodle = 'cong'\n", ("analyzers.default.modle: unknown key: did you mean model?",)),
        ("[pool\n", ("not TOML", "line 1")),
        ("[listen]\nhost = '192.0.2.1'\n", ("can't listen on 192.0.2.1:0", "choose another port")),
    ],
)
def test_a_wrong_configuration_is_named_in_full_and_nothing_starts(tmp_path, config, says):
    done = refused("obedient", tmp_path, config)
    assert done.returncode == 2
    for part in says:
        assert part in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory) -> Iterator[Api]:
    """An API with one worker and a small queue, for tests that leave it idle."""
    with running_api("obedient", tmp_path_factory.mktemp("api"), f"{ONE_WORKER}queue_bytes = 20_000\n") as api:
        yield api


def test_interactive_texts_go_before_batches_that_came_earlier(one_worker, tmp_path):
    api, order, gate = one_worker, tmp_path / "order", tmp_path / "gate"
    asked = [hold(api, gate)]
    for name, headers in (("batch-1", {"Priority": BATCH}), ("person", {}), ("batch-2", {"Priority": "u=5, i"})):
        queued = api.metric("nlpbatch_queue_bytes")
        asked.append(api.asking(f"{name} !sign={order}", **headers))
        eventually(lambda queued=queued: api.metric("nlpbatch_queue_bytes") > queued)
    gate.touch()
    assert [future.result().status for future in asked] == [200] * 4
    assert order.read_text().split() == ["person", "batch-1", "batch-2"]


def test_a_caller_who_hangs_up_in_the_queue_is_not_analysed_for(one_worker, tmp_path):
    api, order, gate = one_worker, tmp_path / "order", tmp_path / "gate"
    answered = api.metric("nlpbatch_documents_total")
    held = hold(api, gate)
    before = len(descriptors(api.process.pid))
    for _ in range(3):
        hang_up_after(api, f"gone !sign={order}", "x" * 20_001)
        eventually(lambda: api.metric("nlpbatch_queue_bytes") == 0)  # at once, though the worker is still held
    later = api.asking(f"stayed !sign={order}")
    gate.touch()
    assert [held.result().status, later.result().status] == [200, 200]
    assert api.metric("nlpbatch_documents_total") == answered + 2
    eventually(lambda: len(descriptors(api.process.pid)) <= before)
    assert [event["status"] for event in api.events() if event.get("request_id") == "gone"] == [499] * 3
    assert order.read_text().split() == ["stayed"]


@pytest.mark.parametrize("finished", [True, False])
def test_a_batch_request_with_a_key_is_analysed_though_its_proxy_was_killed_and_waits_for_the_next(
    one_worker, tmp_path, finished
):
    api, order, gate = one_worker, tmp_path / "order", tmp_path / "gate"
    headers = {"Idempotency-Key": f"key-{finished}", "Priority": BATCH, "Content-Type": "application/json"}
    answered, joined = (api.metric(f"nlpbatch_{name}_total") for name in ("documents", "requests_joined"))
    held = hold(api, gate)
    hang_up_after(api, f"once !sign={order}", **headers)
    if finished:
        gate.touch()
        eventually(lambda: api.metric("nlpbatch_documents_total") == answered + 2)
    again = api.asking(f"once !sign={order}", **headers)
    gate.touch()
    assert [held.result().status, again.result().status] == [200, 200]
    assert order.read_text().split() == ["once"]
    assert "Idempotency-Replayed" not in again.result().headers  # nobody has had it
    once_more = api.ask({"texts": [f"once !sign={order}"]}, **headers)
    assert (once_more.data, once_more.headers["Idempotency-Replayed"]) == (again.result().data, "true")
    assert api.metric("nlpbatch_requests_joined_total") == joined + 2
    other = api.ask({"texts": ["another"]}, **headers)
    assert "Idempotency-Replayed" not in other.headers
    assert api.metric("nlpbatch_requests_joined_total") == joined + 2
    assert order.read_text().split() == ["once"]


def test_a_full_queue_refuses_with_the_time_to_come_back(one_worker, tmp_path):
    api, gate = one_worker, tmp_path / "gate"
    held = [hold(api, gate), api.asking("x" * 20_001)]
    eventually(lambda: api.metric("nlpbatch_queue_bytes") > 20_000)
    answer = api.ask({"texts": ["좋아요"]})
    problem = answer.json()
    assert (answer.status, problem["code"]) == (503, "no_capacity")
    assert int(answer.headers["Retry-After"]) >= problem["retry_after_s"] > 0
    assert "20,001 bytes of text are waiting" in problem["detail"]
    gate.touch()
    assert [future.result().status for future in held] == [200, 200]
    assert api.ask({"texts": ["좋아요"]}).status == 200


def test_on_sigterm_it_finishes_requests_in_progress_and_refuses_the_rest(tmp_path):
    gate = tmp_path / "gate"
    with running_api("obedient", tmp_path, ONE_WORKER) as api:
        processes = family(api)
        held, waiting = hold(api, gate), api.asking("나중에", "또")
        eventually(lambda: api.metric("nlpbatch_queue_bytes") > 0)
        api.process.terminate()
        eventually(lambda: api.get("/readyz").status == 503)
        answer = api.ask({"texts": ["좋아요"]})
        assert (answer.status, answer.json()["code"]) == (503, "draining")
        assert int(answer.headers["Retry-After"]) >= 1
        assert api.get("/v1/analyzers").json()["code"] == "draining"
        assert api.get("/healthz").status == 200
        gate.touch()
        assert held.result().status == 200
        assert len(waiting.result().json()["outcomes"]) == 2
        assert api.process.wait(10) == 0
        assert not any(alive(pid) for pid in processes)


def test_sigterm_to_all_its_processes_spoils_nothing_that_is_in_progress(tmp_path):
    """As systemd does by default, and Ctrl-C with SIGINT."""
    gate = tmp_path / "gate"
    with running_api("obedient", tmp_path, ONE_WORKER) as api:
        processes = family(api)
        held = hold(api, gate)
        for pid in reversed(processes):
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: api.get("/readyz").status == 503)
        gate.touch()
        assert held.result().json()["outcomes"][0]["error"] is None
        assert api.process.wait(10) == 0
        assert not any(alive(pid) for pid in processes)


def test_requests_that_do_not_finish_in_time_are_cut_off(tmp_path):
    with running_api("obedient", tmp_path, f"{ONE_WORKER}[listen]\ndrain_timeout_s = 0.2\n") as api:
        processes = family(api)
        held = hold(api, tmp_path / "never")
        began_s = time.monotonic()
        api.process.terminate()
        assert api.process.wait(20) == 0
        assert time.monotonic() - began_s >= 0.2
        assert not any(alive(pid) for pid in processes)
        assert held.exception() is not None
        assert [event["left"] for event in api.events() if event["event"] == "drained"] == [1]


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_killed_api_takes_all_its_processes_with_it(tmp_path, busy):
    with running_api("obedient", tmp_path, "[pool]\nworkers = 2\n") as api:
        processes = family(api)
        if busy:
            hold(api, tmp_path / "never")
        api.process.kill()
        eventually(lambda: not any(alive(pid) for pid in processes), timeout_s=5)


def test_a_killed_api_whose_forkserver_had_still_something_to_say_leaves_no_process_either(tmp_path):
    """What the API hasn't read when it dies makes the forkserver's socket fail instead of end."""
    with running_api("obedient", tmp_path, "[pool]\nworkers = 2\n") as api:
        processes = family(api)
        hold(api, tmp_path / "never")
        api.process.send_signal(signal.SIGSTOP)
        for worker in api.workers():
            os.kill(worker, signal.SIGKILL)  # the forkserver reports it
        eventually(lambda: not api.workers())
        api.process.kill()
        eventually(lambda: not any(alive(pid) for pid in processes), timeout_s=5)


def test_a_slow_reader_gets_the_whole_answer_though_the_service_got_sigterm(tmp_path):
    text = "가 " * 20_000  # a request of 480 KB, an answer of 8 MB: more than the sockets' buffers hold
    body = json.dumps({"texts": [text] * 8}, ensure_ascii=False).encode()
    with (
        running_api("obedient", tmp_path, ONE_WORKER) as api,
        socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as caller,
    ):
        head = f"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        caller.sendall(head.encode() + body)
        answer = caller.recv(4096)
        api.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            api.process.wait(3)
        while data := caller.recv(1 << 16):
            answer += data
        assert len(parse_answer(answer.partition(b"\r\n\r\n")[2], documents=8)[7].tokens) == 20_000
        assert api.process.wait(10) == 0

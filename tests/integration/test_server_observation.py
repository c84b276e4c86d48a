"""What an operator sees of the API: metrics, logs and processes."""

import json
import re
import socket
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from nlpbatch.wire.media import ARROW_STREAM
from tests.fakes.running_api import descriptors, eventually


def test_documents_tokens_and_errors_are_counted(api):
    counted = ("documents_total", "tokens_total", "code_points_total", "queue_seconds_count", "analysis_seconds_count")
    before = [api.metric(f"nlpbatch_{name}") for name in counted]
    surrogates = api.metric("nlpbatch_document_errors_total", analyzer="default", code="invalid_text")
    api.ask({"texts": ["좋아요", "\ud83d", None]})
    counts = [api.metric(f"nlpbatch_{name}") - old for name, old in zip(counted, before, strict=True)]
    assert counts == [3, 2, 3, 1, 1]
    assert api.metric("nlpbatch_document_errors_total", code="invalid_text") == surrogates + 1


def test_refused_requests_count_no_documents(api):
    before = api.metric("nlpbatch_documents_total")
    assert api.ask({"texts": ["좋아요"], "fields": ["from"]}).status == 422
    assert api.metric("nlpbatch_documents_total") == before


def test_every_metric_has_an_explanation_and_base_units(api):
    answer = api.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.data.decode()))
    assert {"nlpbatch_workers", "nlpbatch_workers_busy", "nlpbatch_queue_bytes"} <= {family.name for family in families}
    for family in families:
        assert family.documentation
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb"))


def test_forkserver_and_workers_have_one_thread_each(api):
    def threads(pid: int) -> int:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))

    family = [api.forkserver(), *api.workers()]
    assert [threads(pid) for pid in family] == [1, 1, 1]


def test_workers_share_the_memory_of_the_loaded_engine(api, sample):
    assert api.ask({"texts": sample}).status == 200
    for worker in api.workers():
        rollup = Path(f"/proc/{worker}/smaps_rollup").read_text()
        private_kib = int(re.search(r"Private_Dirty: +(\d+) kB", rollup)[1])
        assert private_kib < 60_000  # about 12 MB; a Kiwi of its own takes 500


def test_workers_hold_no_descriptor_of_each_other(api):
    """Else a worker's death would go unnoticed as long as its neighbour lives."""
    sockets = [{name for name in descriptors(worker) if "socket" in name} for worker in api.workers()]
    assert [len(own) for own in sockets] == [1, 1]
    assert not sockets[0] & sockets[1]


def test_no_text_gets_into_the_log(api):
    secret = "비밀번호는"
    api.ask({"texts": [f"{secret} 1234", f"{secret} \ud83d"]})
    api.ask({"texts": [secret, 1]})
    api.ask({secret: 1})
    api.ask(secret.encode(), **{"Content-Type": ARROW_STREAM})
    assert len(api.events()) > 4
    assert secret not in api.log.read_text(encoding="utf-8")
    assert json.dumps(secret)[1:-1] not in api.log.read_text(encoding="utf-8")


def test_each_request_is_one_line_in_the_log(api):
    assert api.ask({"texts": ["좋아요", None]}, **{"X-Request-Id": "in-the-log"}).status == 200
    eventually(lambda: [event for event in api.events() if event.get("request_id") == "in-the-log"])
    (event,) = [event for event in api.events() if event.get("request_id") == "in-the-log"]
    assert event.items() >= {"event": "request", "path": "/v1/analyze", "status": 200, "documents": 2}.items()


def test_a_caller_who_leaves_before_its_body_is_sent_is_no_defect_of_ours(api):
    before = len(api.events())
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as caller:
        caller.sendall(b"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nX-Request-Id: left\r\nContent-Length: 99\r\n\r\n[")
    eventually(lambda: [event for event in api.events() if event.get("request_id") == "left"])
    assert not [event for event in api.events()[before:] if event["level"] == "error"]

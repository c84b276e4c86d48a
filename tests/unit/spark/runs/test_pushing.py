import http.server
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nlpbatch.errors import ConfigError
from nlpbatch.spark.progress import Progress
from nlpbatch.spark.runs.pushing import exposition, pusher

PROGRESS = Progress(
    rows=1_234, rows_total=None, done_bytes=10, total_bytes=40, seconds=2.5, throttled=0.25, exact=False
)


@contextmanager
def gateway(status):
    """Run a server that takes pushes, and yield its address and what it got."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


def test_the_gauges_are_in_prometheus_own_format():
    families = {family.name: family for family in text_string_to_metric_families(exposition(PROGRESS).decode())}
    values = {name: family.samples[0].value for name, family in families.items()}
    assert values["nlpbatch_run_rows"] == 1_234
    assert values["nlpbatch_run_input_done_bytes"] == 10
    assert values["nlpbatch_run_throttled_ratio"] == 0.25
    assert all(family.type == "gauge" and family.documentation for family in families.values())


@pytest.mark.parametrize(("done_bytes", "left_s"), [(0, "NaN"), (10, "7.5"), (40, "0.0")])
def test_the_time_left_is_nan_while_it_is_unknown_and_0_in_the_end(done_bytes, left_s):
    lines = exposition(replace(PROGRESS, done_bytes=done_bytes)).decode().splitlines()
    assert f"nlpbatch_run_left_seconds {left_s}" in lines


def test_a_run_is_pushed_as_a_group_of_its_own():
    with gateway(202) as (address, got):
        pusher(f"{address}/", "out 1/é")(PROGRESS)
    ((path, content_type, body),) = got
    assert path == "/metrics/job/nlpbatch/run/out%201%2F%C3%A9"
    assert content_type == "text/plain"
    assert body == exposition(PROGRESS)


def test_a_gateway_that_refuses_is_a_connection_error():
    with gateway(400) as (address, _), pytest.raises(ConnectionError, match="answered 400"):
        pusher(address, "out")(PROGRESS)


def test_an_invalid_address_is_refused_at_once():
    with pytest.raises(ConfigError, match="pushgateway is 'gateway:9091': give its URL"):
        pusher("gateway:9091", "out")

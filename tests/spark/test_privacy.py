"""A whole run, and a grep over everything that it leaves but its output: no fragment of a text, none of a key.

Real Spark with its UI and event log, two jobs of which one fails, an API and a proxy that log everything, a ledger, a
request log, an audit log, a shared store, spans of all three in a collector, the dashboard and its what-if;
command lines and environments of all processes; and requests that are refused, whose answers are looked at, too. Then
something is planted in each kind of place, in the way that it would get there, and is found.
"""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redis import Redis

from nlpbatch.wire.media import JOB, PRIORITY
from tests.fakes.commands import ROOT
from tests.fakes.leaks import Fragments, writings_of
from tests.fakes.whole_run import FLEET_SECRET, KEY, PLANTED, SENT_BADLY, TEXTS, WholeRun


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A run that is done, and what it has left."""
    directory = tmp_path_factory.mktemp("privacy")
    with ExitStack() as stack:
        started = WholeRun(directory, stack)
        pq.write_table(pa.table({"id": range(len(TEXTS)), "text": TEXTS}), directory / "in.parquet")
        options = ("--input", directory / "in.parquet", "--text", "text")
        assert started.submit("job", *options, "--output", directory / "out") == 0, started.places["job: stdout"]
        wrong = (*options, "--output", directory / "failed", "--max-error-ratio", "0.0001")
        assert started.submit("failing job", *wrong) == 1
        started.refuse()
        # Through the operator's hands: a key that was issued, and ended.
        members = json.dumps({"tenant": "home"}).encode()
        issued = started.http.request("POST", f"{started.admin}/keys", body=members).json()
        started.http.request("POST", f"{started.admin}/keys/{issued['id']}/revoke")
        time.sleep(1)  # the ledger is carried ten times a second, the request log written once
        yield (
            started,
            started.collect(),
            Fragments([*TEXTS, *SENT_BADLY], [secret(KEY), secret(issued["key"]), FLEET_SECRET]),
        )


def secret(key):
    return key.rpartition("_")[2] if "_" not in key[18:] else key[18:]


def test_the_run_was_one(left):
    started, places, _ = left
    summary = json.loads(places["out/_nlpbatch/summary.json"])
    assert summary["rows"] == len(TEXTS)
    assert summary["errors"] == {"text_too_large": 3}
    assert sum(row["analysed"] for row in json.loads(places["proxy /v1/usage?by=job"])["rows"]) > 0
    # Every kind of place is there, and says what it is for.
    assert b'"event": "request"' in places["proxy.log"]
    assert b'"event"' in places["api/log"]
    assert any(name.startswith("requests/") and b'"job"' in data for name, data in places.items())
    assert any(name.startswith("ledger/") for name in places)
    assert b"key.revoke" in places["admin /audit"]
    assert any(name.startswith("events/") and b"SparkListenerTaskEnd" in data for name, data in places.items())
    assert any("/environment" in name and b"spark.eventLog.dir" in data for name, data in places.items())
    assert any(
        ("sql" in name and b"physicalPlan" in data) or b"planDescription" in data for name, data in places.items()
    )
    assert b"jobs/analyze.py" in places["job: command lines"]
    assert len(places["store"]) > 200
    assert {span.service for span in started.collector.spans()} == {"nlpbatch-job", "nlpbatch-proxy", "nlpbatch-api"}
    assert {"run", "task", "attempt", "worker"} <= {span.name for span in started.collector.spans()}
    assert b"NLPBATCH_API_KEY" in places["job: environments"]
    assert b"OTEL_EXPORTER_OTLP_ENDPOINT" in places["environments of the servers"]
    assert b"<html" in places["admin /dashboard"]
    assert json.loads(places["admin /dashboard.json"])["jobs"]
    assert json.loads(places["what-if, an answer"])["simulation"]["after"]["tenants"]
    assert b"invalid_request" in places["what-if, a refusal"]
    assert json.loads(places["nlpbatch top"])["tenants"]
    assert started.proxy.poll() is None


def test_no_fragment_of_a_text_or_a_key_is_left_anywhere(left):
    _, places, fragments = left
    assert {name: found for name, data in places.items() if (found := fragments.found_in(data))} == {}


@pytest.mark.parametrize("writing", ["utf-8", "json", "percent", "utf-16", "base64"])
def test_a_planted_fragment_is_found_in_every_place(left, writing):
    _, places, fragments = left
    planted = writings_of(TEXTS[7][:5])[writing]
    missed = [name for name, data in places.items() if not fragments.found_in(data[:5000] + b" " + planted + b" ")]
    assert missed == []


def test_what_is_planted_is_found_in_each_kind_of_place_where_it_would_get_to(left):
    """The product does nothing of this: here a caller names its job and its column by secrets."""
    started, _, fragments = left
    hidden = Fragments([PLANTED], [FLEET_SECRET, secret(KEY)])
    assert fragments.found_in(b"xx" + secret(KEY)[5:18].encode() + b"yy")
    # In a file, in the store, and as the name of a job: that is in whatever names jobs.
    (started.directory / "events" / "planted").write_text(f"… {SENT_BADLY[2][:11]} …", encoding="utf-8")
    with Redis(port=started.store.port) as store:
        store.set("nlpbatch:planted", TEXTS[3] * 10)
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        JOB: FLEET_SECRET,
        PRIORITY: "u=5",
    }
    for _ in range(5):
        body = json.dumps({"texts": ["planted"]}).encode()
        answer = started.http.request("POST", f"{started.service}/v1/analyze", body=body, headers=headers)
        assert answer.status == 200
    # In a job's plan, its configuration and the environment of its processes.
    pq.write_table(pa.table({"id": range(20), PLANTED: ["planted"] * 20}), started.directory / "planted.parquet")
    options = (
        "--input",
        started.directory / "planted.parquet",
        "--text",
        PLANTED,
        "--output",
        started.directory / "own",
    )
    conf, variables = {"spark.nlpbatch.planted": FLEET_SECRET}, {"PLANTED": FLEET_SECRET}
    assert started.submit("planted", *options, conf=conf, variables=variables) == 0
    span = {"OTEL_SERVICE_NAME": FLEET_SECRET} | started.tracing
    say = "from nlpbatch.tracing import start_tracer; import os; t = start_tracer('x', os.environ); "
    subprocess.run(
        [sys.executable, "-c", say + "t.span('one').end(); t.close()"],
        env=os.environ | span,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    time.sleep(2)  # the ledger is carried ten times a second, the request log written once, the ring in ten
    found = {name for name, data in started.collect().items() if fragments.found_in(data) or hidden.found_in(data)}
    missed = {kind for kind in KINDS if not any(re.search(kind, name) for name in found)}
    assert missed == set(), sorted(found)


KINDS = (
    r"^store$",
    r"^events/planted$",
    r"^events/(?!planted)",
    r"^planted: UI .*/api/.*/environment$",
    r"^planted: UI .*/sql$",
    r"^planted: command lines$",
    r"^planted: environments$",
    r"^proxy.log$",
    r"^requests/",
    r"^ledger/|^store$",
    r"^proxy /v1/usage",
    r"^admin /dashboard.json$",
    r"^what-if, an answer$",
    r"^nlpbatch top$",
    r"^spans$",
)
"""Kinds of places into which something gets by those ways, as patterns of their names."""

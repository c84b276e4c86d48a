"""What the tests on a real Spark share: Kiwi itself to compare with, and a service that answers as it likes."""

import json
import os
import socket
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.spark.options import JobOptions
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.media import JSON
from tests.fakes.service import FINGERPRINT, ScriptedService, reply

EVERY_20TH = 20
# These JVMs live for seconds: compiling fast beats compiling well, and halves their CPU time.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


@pytest.fixture(scope="session")
def kiwi_tokens() -> Callable[[str], list[dict[str, Any]]]:
    """Return the tokens of a text as Kiwi gives them in this very process, with every field."""
    from kiwipiepy import Kiwi  # noqa: PLC0415  (takes seconds)

    kiwi = Kiwi()

    def tokens(text: str) -> list[dict[str, Any]]:
        return [{name: getattr(token, name) for name in KIWI_FIELDS} for token in kiwi.tokenize(text)]

    return tokens


@pytest.fixture
def scripted():
    """Return a function that starts a service which offers one analyzer, or none, and does the given steps."""
    services = []

    def start(*steps, offers: bool = True, limits: SizeLimits | None = None) -> ScriptedService:
        info = AnalyzerInfo("default", FINGERPRINT, "scripted", "none", {}, KIWI_FIELDS)
        catalogue = reply(200, json.dumps(Catalogue((info,), limits or SizeLimits()).to_json()).encode(), JSON)
        service = ScriptedService(*([catalogue] if offers else []), *steps)
        services.append(service)
        return service.__enter__()

    yield start
    for service in services:
        service.__exit__(None, None, None)


@pytest.fixture(scope="session")
def sample(reviews, tmp_path_factory):
    """About 1,000 of the reviews in four Parquet files, in order."""
    table = pq.read_table(reviews)
    picked = table.take(list(range(0, table.num_rows, EVERY_20TH)))
    directory = tmp_path_factory.mktemp("sample")
    quarter = -(-picked.num_rows // 4)
    for part in range(4):
        pq.write_table(picked.slice(part * quarter, quarter), directory / f"part-{part}.parquet")
    return directory


@pytest.fixture
def unused_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@pytest.fixture
def source(tmp_path):
    """Return what writes one more file with rows into the input."""
    folder = tmp_path / "in"
    folder.mkdir()

    def add(name, **columns):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)

    add.folder = folder
    return add


@pytest.fixture
def options(tmp_path, stack):
    def make(**changes):
        values = {
            "input": str(tmp_path / "in"),
            "text": ("text",),
            "output": str(tmp_path / "out"),
            "service": stack.service,
            "api_key": stack.api_key,
            "patience_s": 5.0,
        }
        return JobOptions(**values | changes)

    return make


@pytest.fixture
def rows(tmp_path):
    """Return what reads an output, in order of its ids."""

    def read(name="out"):
        table = ds.dataset(tmp_path / name, format="parquet", partitioning="hive").to_table()
        return table.sort_by("id").to_pylist() if "id" in table.schema.names else table.to_pylist()

    return read


@pytest.fixture
def dead(tmp_path):
    def read():
        folder = tmp_path / "out" / "_nlpbatch" / "dead"
        paths = sorted(folder.rglob("*.parquet"))
        return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]

    return read


@pytest.fixture
def records(tmp_path):
    """Return what reads the records of all micro-batches, in order."""

    def read(name="out"):
        return [json.loads(path.read_text()) for path in sorted((tmp_path / name).glob("run_batch=*/_batch.json"))]

    return read

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from nlpbatch.errors import ConfigError, ServiceUnreachable
from nlpbatch.pipelines import serve
from nlpbatch.pipelines.access import PageAccess
from nlpbatch.pipelines.records import Records
from nlpbatch.pipelines.serve import Looks, add_runs_pages
from nlpbatch.serving.lifecycle import new_application
from tests.fakes.run_records import stage


def test_the_last_runs_of_an_output_are_read_again_after_ten_seconds_and_then_kept_for_as_long(tmp_path, monkeypatch):
    stage(tmp_path / "out", "dump")
    clock, read = [100.0], []
    monkeypatch.setattr(serve.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(serve, "series_around", lambda _records, _found, path: read.append(path) or {"read": len(read)})

    async def looks():
        found = Looks(Records(str(tmp_path)))
        for now in (100.0, 109.0, 111.0, 113.0, 120.0):
            clock[0] = now
            yield await found.series("out")

    async def all_of_them():
        return [one["read"] async for one in looks()]

    assert asyncio.run(all_of_them()) == [1, 1, 2, 2, 2]


class Away(Records):
    """Records in a storage that doesn't answer any more."""

    def find(self):
        raise ConfigError("hdfs://namenode/out can't be listed: no route to host")


def test_a_storage_that_is_away_is_said_to_be_by_every_page(tmp_path):
    with pytest.raises(ServiceUnreachable, match="no route to host"):
        asyncio.run(Looks(Away(str(tmp_path))).look())

    async def answers():
        app = new_application(body_bytes=1024, drain_retry_after_s=1.0)
        add_runs_pages(app, Away(str(tmp_path)), PageAccess(None))
        async with TestClient(TestServer(app)) as client:
            for path in ("/", "/runs.json", "/runs.json?path=x", "/preview.json?path=x", "/report?path=x&name=y"):
                async with client.get(path) as answer:
                    yield path, answer.status, (await answer.json())["detail"]

    async def all_of_them():
        return [one async for one in answers()]

    for path, status, detail in asyncio.run(all_of_them()):
        assert (status, "no route to host" in detail) == (503, True), path

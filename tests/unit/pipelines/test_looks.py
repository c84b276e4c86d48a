import asyncio

from nlpbatch.pipelines import serve
from nlpbatch.pipelines.records import Records
from nlpbatch.pipelines.serve import Looks
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

"""The record of requests that a running proxy keeps: what is in it, what never is, sampling, rotation, a full disk."""

import asyncio
import json
import logging
import resource
import threading
from random import Random

import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from proxy.config_service import RequestLogSettings
from proxy.request_log import RequestLog
from tests.fakes.backend import FakeBackend, answer
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, KEY, running_proxy

TEXT = "비밀스러운 문장"
BODY = json.dumps({"texts": [TEXT]}).encode()
STATED = {"ETag": '"f1"', "Nlpbatch-Documents": "1", "Nlpbatch-Analyzer": "legal"}
ASKED = AUTHORIZED | {"Nlpbatch-Job": "nightly", "Priority": "u=6", "Idempotency-Key": '"one"'}


def lines(directory):
    files = sorted(directory.glob("requests-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


async def asked(directory, **settings):
    given = {"directory": str(directory)} | settings
    async with FakeBackend(answer(headers=STATED)) as backend, running_proxy(backend, request_log=given) as proxy:
        await proxy.ask(headers=ASKED, data=BODY)
        await proxy.ask(headers=ASKED, data=BODY)
        await proxy.ask(headers={"Authorization": "Bearer nobody"}, data=BODY)
        await proxy.ask(path="/v1/analyze?fields=form", headers=AUTHORIZED, data=BODY)


async def test_a_record_says_who_asked_what_and_what_became_of_it(tmp_path):
    await asked(tmp_path)
    first, again, stranger, plain = lines(tmp_path)
    assert (
        first
        | {
            "tenant": "home",
            "key": ENTRY.partition(":")[0],
            "job": "nightly",
            "class": "batch",
            "method": "POST",
            "path": "/v1/analyze",
            "analyzer": "legal",
            "fingerprint": "f1",
            "status": 200,
            "code": None,
            "request_bytes": len(BODY),
            "answer_bytes": 2,
            "documents": 1,
            "replayed": False,
        }
        == first
    )
    assert first["queue_s"] >= 0
    assert 0 <= first["seconds"] < 20
    assert (again["replayed"], again["analyzer"]) == (True, "legal")
    assert (stranger["tenant"], stranger["status"], stranger["code"]) == (None, 401, "unauthenticated")
    assert (plain["path"], plain["class"], plain["job"]) == ("/v1/analyze", "interactive", None)
    assert len({one["request_id"] for one in (first, again, stranger, plain)}) == 4


async def test_neither_texts_nor_keys_nor_queries_are_in_it(tmp_path):
    await asked(tmp_path)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir()).decode()
    assert TEXT not in written
    assert KEY.rpartition("_")[2].rpartition(".")[2] not in written
    assert KEY not in written
    assert "fields=form" not in written


@pytest.mark.parametrize("headers", [AUTHORIZED, {}])
async def test_a_text_in_a_path_is_neither_in_it_nor_in_the_log(tmp_path, caplog, headers):
    caplog.set_level(logging.DEBUG)
    given = {"directory": str(tmp_path)}
    async with FakeBackend(answer(status=404)) as backend, running_proxy(backend, request_log=given) as proxy:
        await proxy.ask(path=f"/v1/{TEXT}", headers=headers, data=BODY)
        await proxy.ask(path=f"/v1/analyze/{TEXT}", headers=headers, data=BODY)
    assert [one["path"] for one in lines(tmp_path)] == ["/v1/(other)"] * 2
    assert not any(TEXT in str(vars(record)) for record in caplog.records)


async def test_parquet_has_the_same_and_appears_whole(tmp_path):
    lines_, parquet = tmp_path / "lines", tmp_path / "parquet"
    await asked(lines_)
    await asked(parquet, format="parquet")
    (file,) = parquet.iterdir()
    rows = pq.read_table(file).to_pylist()
    changing = ("at", "request_id", "queue_s", "seconds")
    assert [{name: one[name] for name in one if name not in changing} for one in rows] == [
        {name: one[name] for name in one if name not in changing} for one in lines(lines_)
    ]


async def test_it_is_off_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=BODY)
    assert list(tmp_path.iterdir()) == []


def log_of(directory, lost=None, **settings):
    given = RequestLogSettings(directory=str(directory), **settings)
    return RequestLog(given, (lambda _: None) if lost is None else lost.append, Random(7).random)


async def test_a_sample_has_its_part_of_the_requests(tmp_path):
    log = log_of(tmp_path, sample=0.25)
    for number in range(10_000):
        log.add({"number": number})
    await log.close()
    assert 2300 < len(lines(tmp_path)) < 2700  # 2500 with a standard deviation of 43


async def test_files_follow_each_other_and_the_oldest_go(tmp_path):
    log = log_of(tmp_path, rotate_bytes=65_536, keep_files=3)
    for number in range(6):
        for _ in range(100):
            log.add({"number": number, "filler": "x" * 1000})
        await log._write(last=False)
    await log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert {one["number"] for one in lines(tmp_path)} == {3, 4, 5}


async def test_a_file_that_another_process_writes_is_not_removed(tmp_path):
    quiet, busy = log_of(tmp_path), log_of(tmp_path, rotate_bytes=65_536, keep_files=1)
    busy._files._began = "of-another-process"
    quiet.add({"number": 0})
    await quiet._write(last=False)
    for _ in range(3):
        for _ in range(100):
            busy.add({"number": 1, "filler": "x" * 1000})
        await busy._write(last=False)
    quiet.add({"number": 2})
    await quiet.close()
    await busy.close()
    assert [one["number"] for one in lines(tmp_path)].count(0) == 1
    assert [one["number"] for one in lines(tmp_path)].count(2) == 1


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
async def test_what_cannot_be_expressed_is_lost_and_later_records_are_not(tmp_path, format_):
    lost = []
    log = log_of(tmp_path, lost, format=format_)
    log.add({"analyzer": "\udcff", "status": 1})
    await log._write(last=format_ == "parquet")
    log.add({"analyzer": "legal", "status": 2})
    await log.close()
    (file,) = [one for one in tmp_path.iterdir() if one.stat().st_size]
    kept = pq.read_table(file).to_pylist() if format_ == "parquet" else lines(tmp_path)
    assert [one["status"] for one in kept] == [2]
    assert sum(lost) == 1


async def test_the_last_write_waits_for_one_that_was_cancelled(tmp_path):
    log, began, go_on = log_of(tmp_path), threading.Event(), threading.Event()
    write = log._files._write

    def slow(records, *, last):
        if not last:
            began.set()
            go_on.wait(20)
        return write(records, last=last)

    log._files._write = slow
    log.add({"number": 1})
    cancelled = asyncio.create_task(log._write(last=False))
    await asyncio.to_thread(began.wait, 20)
    cancelled.cancel()
    log.add({"number": 2})
    closing = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert [one["number"] for one in lines(tmp_path)] == [1, 2]


async def test_what_cannot_be_kept_waiting_is_counted(tmp_path):
    lost = []
    log = log_of(tmp_path, lost)
    for number in range(20_005):
        log.add({"number": number})
    await log.close()
    assert (sum(lost), len(lines(tmp_path))) == (5, 20_000)


async def test_a_full_disk_loses_records_and_no_request(tmp_path):
    """The system refuses to let files grow, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    given = {"directory": str(tmp_path), "rotate_bytes": 65_536}
    async with FakeBackend() as backend, running_proxy(backend, request_log=given) as proxy:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
            for _ in range(3):
                assert (await proxy.ask(data=BODY)).status == 200
            async with asyncio.timeout(20):
                while await proxy.metric("request_log_lost_total") < 3:
                    await asyncio.sleep(0.1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert (await proxy.ask(data=BODY)).status == 200
        async with asyncio.timeout(20):
            while not lines(tmp_path):
                await asyncio.sleep(0.1)
    assert len(lines(tmp_path)) == 1


async def test_a_directory_that_cannot_be_written_to_is_refused_at_the_start(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match=r"request_log.directory .* can't be written to"):
        log_of(file / "below")

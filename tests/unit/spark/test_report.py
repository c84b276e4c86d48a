import json

import pytest

from nlpbatch.spark.report import Report, Work
from nlpbatch.spark.runs.batches import BatchRecord

CLIENT = {"requests": 30, "retries": 1, "sent_bytes": 1_800_000, "received_bytes": 4_300_000, "throttled_s": 2.25}
USEFUL = {"answered": 30, "answered_bytes": 1_780_000, "replayed": 2}


def proxy(instance="one", **counts):
    return {"instance": instance, "analysed": 0, "analysed_bytes": 0, **counts}


def record(number=0, **changes):
    values = {
        "number": number,
        "fingerprint": "f" * 32,
        "files": {f"file:/in/{number}.parquet": 1000},
        "rows": 20_072,
        "dead": 1_003,
        "nulls": 12,
        "tokens": 345_678,
        "errors": {"text_too_large": 2, "invalid_text": 1_001},
        "text_bytes": 1_742_001,
        "started_at": "2026-11-24T06:00:00.000+00:00",
        "seconds": 8.0,
        "client": CLIENT | USEFUL,
        "proxy": [proxy(analysed=30, analysed_bytes=1_780_000)],
    }
    return BatchRecord(**values | changes)


def report(*records, **changes):
    given = {
        "input": "in",
        "output": "file:/out",
        "service": "http://proxy:8700",
        "analyzer": "default",
        "fingerprint": "f" * 32,
        "run": "out-1",
        "complete": True,
        "stopped": None,
        "attempts": 1,
    }
    return Report.of(records, **given | changes)


def test_rows_read_are_rows_out_and_rows_dead():
    members = json.loads(report(record(0), record(1, rows=10, dead=0, errors={})).to_json())
    assert (members["rows"], members["out"], members["dead"]) == (20_082, 19_079, 1_003)
    assert members["errors"] == {"invalid_text": 1_001, "text_too_large": 2}
    assert members["client"]["requests"] == 60
    assert members["documents_per_s"] == pytest.approx(20_082 / 16, abs=0.1)


def test_the_json_ends_in_a_newline_and_keeps_korean_readable():
    text = report(record(), input="리뷰").to_json()
    assert text.endswith("}\n")
    assert '"리뷰"' in text


def test_the_text_says_in_one_glance_what_was_done():
    assert report(record()).to_text() == "\n".join(
        (
            "  rows       20,072 = 19,069 out + 1,003 dead (12 without text)",
            "  errors     invalid_text 1,001, text_too_large 2",
            "  tokens     345,678",
            "  speed      2,509 documents/s (8.0 s)",
            "  bytes      1,742,001 of text, 1,800,000 sent, 4,300,000 received",
            "  requests   30 and 1 retries",
            "  repeated   0 bytes (0.00%) analysed more than once, 2 answers replayed",
            "  throttled  2.2 s",
            "  batches    1 of 1 files, in 1 attempts",
            f"  analyzer   default, fingerprint {'f' * 32}",
            "  output     file:/out",
        )
    )


def test_files_that_could_not_be_read_are_named():
    text = report(record(set_aside={"file:/in/bad.parquet": "it is damaged"})).to_text()
    assert text.splitlines()[-1] == "  set aside  file:/in/bad.parquet: it is damaged"


def test_an_empty_run_has_a_speed_of_nothing():
    assert report().documents_per_s == 0
    assert report().rows == 0


def test_both_versions_of_a_replayed_output_are_reported():
    found = report(record(0), record(1, fingerprint="0" * 32))
    assert found.fingerprints == ("f" * 32, "0" * 32)


def test_a_proxy_keeps_counting_so_its_last_count_is_the_total():
    work = Work.of([record(0, proxy=[proxy(analysed=30)]), record(1, proxy=[proxy(analysed=61)])])
    assert (work.analysed, work.answered, work.proxies) == (61, 60, 1)


def test_what_several_proxies_have_counted_is_added():
    first, second = proxy(analysed=30, analysed_bytes=1_800_000), proxy("two", analysed=5, analysed_bytes=100)
    work = Work.of([record(0, proxy=[first]), record(1, proxy=[first, second], client={})])
    assert (work.analysed, work.analysed_bytes, work.proxies) == (35, 1_800_100, 2)
    assert work.repeated_bytes == 20_100


def test_without_a_proxy_that_counts_nothing_is_said_about_repetition():
    found = report(record(proxy=[]))
    assert found.work.repeated_bytes is None
    assert "unknown: the service doesn't count" in found.to_text()


def test_files_that_were_set_aside_are_unread_while_they_are_in_the_input():
    records = [record(0, set_aside={"file:/in/0.parquet": "it is damaged"}), record(1)]
    assert report(*records).unread == {}
    found = report(*records, present={"file:/in/0.parquet", "file:/in/1.parquet"})
    assert found.unread == {"file:/in/0.parquet": "it is damaged"}
    assert not found.is_unread


@pytest.mark.parametrize(("complete", "unread"), [(True, True), (False, False)])
def test_a_run_is_unread_when_all_is_done_and_every_file_was_set_aside(complete, unread):
    bad = record(0, set_aside={"file:/in/0.parquet": "it is damaged"}, rows=0)
    assert report(bad, present={"file:/in/0.parquet"}, complete=complete).is_unread is unread

import json
from dataclasses import fields

from nlpbatch.spark.report import Report

REPORT = Report(
    input="in",
    output="file:/out",
    service="http://proxy:8700",
    analyzer="default",
    fingerprint="f" * 32,
    rows=20_072,
    nulls=12,
    tokens=345_678,
    errors={"text_too_large": 2, "invalid_text": 1_001},
    text_bytes=1_742_001,
    seconds=8.0,
    requests=30,
    retries=1,
    sent_bytes=1_800_000,
    received_bytes=4_300_000,
    throttled_s=2.25,
    backoff_s=0.5,
)


def test_the_json_has_every_figure_and_the_speed():
    members = json.loads(REPORT.to_json())
    assert set(members) == {field.name for field in fields(Report)} | {"documents_per_s"}
    assert members["rows"] == 20_072
    assert members["errors"] == {"text_too_large": 2, "invalid_text": 1_001}
    assert members["documents_per_s"] == 2509.0


def test_the_json_ends_in_a_newline_and_keeps_korean_readable():
    text = Report(**{field.name: getattr(REPORT, field.name) for field in fields(Report)} | {"input": "리뷰"}).to_json()
    assert text.endswith("}\n")
    assert '"리뷰"' in text


def test_the_text_says_in_one_glance_what_was_done():
    assert REPORT.to_text() == "\n".join(
        (
            "  rows       20,072 (12 without text, 1,003 with an error)",
            "  errors     invalid_text 1,001, text_too_large 2",
            "  tokens     345,678",
            "  speed      2,509 documents/s (8.0 s)",
            "  bytes      1,742,001 of text, 1,800,000 sent, 4,300,000 received",
            "  requests   30 and 1 retries",
            "  throttled  2.2 s",
            f"  analyzer   default, fingerprint {'f' * 32}",
            "  output     file:/out",
        )
    )


def test_an_empty_run_has_a_speed_of_nothing():
    nothing = {"rows": 0, "nulls": 0, "tokens": 0, "errors": {}, "seconds": 0.0}
    report = Report(**{field.name: getattr(REPORT, field.name) for field in fields(Report)} | nothing)
    assert report.documents_per_s == 0
    assert "0 (0 without text, 0 with an error)" in report.to_text()
    assert "errors     none" in report.to_text()

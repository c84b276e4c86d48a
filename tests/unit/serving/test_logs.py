import json
import logging
from pathlib import Path

import pytest

from nlpbatch.serving.logs import JsonFormatter, configure, describe_exception


def line(**extra: object) -> dict:
    try:
        raise ValueError("비밀 text")  # noqa: TRY301  (a traceback is what is wanted)
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "defect", "exc_info": info} | extra)
    return json.loads(JsonFormatter().format(record))


def test_an_exception_is_logged_by_type_and_place_but_never_by_its_message() -> None:
    members = line()
    assert members["exception"] == "ValueError"
    assert "test_logs.py" in members["frames"][0]
    assert "비밀" not in json.dumps(members, ensure_ascii=False)


def test_what_is_passed_as_extra_becomes_a_member() -> None:
    assert (
        line(request_id="abc", documents=3).items() >= {"request_id": "abc", "documents": 3, "event": "defect"}.items()
    )


def test_every_line_is_one_line_with_time_level_and_logger() -> None:
    members = line(msg="two\nlines", levelname="WARNING")
    assert members.items() >= {"level": "warning", "logger": "n", "event": "two\nlines"}.items()
    assert members["time"].endswith("+00:00")


def test_what_json_cannot_say_is_written_out() -> None:
    assert line(path=Path("a/b"))["path"] == "a/b"


def test_an_exception_without_a_traceback_is_described_too() -> None:
    assert describe_exception(KeyError("비밀")) == {"exception": "KeyError", "frames": []}


def test_all_loggers_write_json_lines_from_the_level_up(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure("warning")
        logging.getLogger("nlpbatch.engine").warning("worker lost", extra={"slot": 1})
        logging.getLogger("aiohttp.server").info("not this")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    (written,) = capsys.readouterr().err.splitlines()
    assert json.loads(written).items() >= {"event": "worker lost", "slot": 1, "level": "warning"}.items()

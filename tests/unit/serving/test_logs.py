import json
import logging

from nlpbatch.serving.logs import JsonFormatter


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

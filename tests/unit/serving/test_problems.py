import json
import logging
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from nlpbatch import errors
from nlpbatch.serving.drain import DRAIN
from nlpbatch.serving.lifecycle import new_application
from nlpbatch.serving.problems import problems

# The keys of a request are shared with the proxy as plain strings.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")


@pytest.fixture
def app():
    return new_application(body_bytes=1000, drain_retry_after_s=5)


async def answer(app, raised=None, *, path="/v1/analyze", headers=None, on_call=None):
    """Return the response to a request whose handler raises that, or answers with "fine"."""

    async def handler(_: web.Request) -> web.Response:
        if on_call is not None:
            on_call()
        if raised is not None:
            raise raised
        return web.Response(text="fine")

    writer = SimpleNamespace(
        write_headers=AsyncMock(), write_eof=AsyncMock(), send_headers=lambda: None, length=None, output_size=0
    )
    request = make_mocked_request("POST", path, headers=headers, app=app, writer=writer, client_max_size=1000)
    return await problems(request, handler)


def members(response: web.Response) -> dict:
    assert response.content_type == "application/problem+json"
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (errors.UnknownField("…"), 422, "unknown_field"),
        (errors.NoCapacity("…", retry_after_s=0.2), 503, "no_capacity"),
        (web.HTTPNotFound(), 404, "not_found"),
        (web.HTTPMethodNotAllowed("POST", ["GET", "HEAD"]), 405, "method_not_allowed"),
        (web.HTTPRequestEntityTooLarge(1000), 413, "request_too_large"),
        (web.HTTPExpectationFailed(), 400, "invalid_request"),
        (web.RequestPayloadError("400, message=비밀"), 400, "invalid_request"),
        (ZeroDivisionError("비밀"), 500, "internal"),
    ],
)
async def test_whatever_is_raised_becomes_a_problem_document_that_quotes_nothing(app, caplog, raised, status, code):
    response = await answer(app, raised)
    problem = members(response)
    assert (response.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert "비밀" not in response.text


async def test_a_defect_is_logged_with_the_request_id_that_the_caller_got(app, caplog):
    response = await answer(app, ZeroDivisionError("비밀"))
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.request_id == response.headers["X-Request-Id"]


async def test_an_overload_says_in_whole_seconds_when_to_come_back_and_exactly_in_the_document(app):
    response = await answer(app, errors.NoCapacity("…", retry_after_s=1.2))
    assert (response.headers["Retry-After"], members(response)["retry_after_s"]) == ("2", 1.2)
    soon = await answer(app, errors.NoCapacity("…", retry_after_s=0.01))
    assert soon.headers["Retry-After"] == "1"


async def test_a_wrong_method_is_refused_with_the_right_ones(app):
    response = await answer(app, web.HTTPMethodNotAllowed("POST", ["HEAD", "GET"]))
    assert response.headers["Allow"] == members(response)["allow"] == "GET, HEAD"


async def test_a_body_over_the_limit_is_refused_with_the_limit(app):
    problem = members(await answer(app, web.HTTPRequestEntityTooLarge(1000)))
    assert problem["limit"] == 1000
    assert "1,000 bytes" in problem["detail"]


async def test_a_missing_key_is_asked_for(app):
    assert (await answer(app, errors.Unauthenticated("…"))).headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_broken_connection_is_nobodys_answer(app):
    with pytest.raises(ConnectionResetError):
        await answer(app, ConnectionResetError())
    assert app[DRAIN].in_progress == 0


async def test_the_callers_request_id_is_kept_if_it_is_sane(app):
    assert (await answer(app, headers={"X-Request-Id": "job-7:3"})).headers["X-Request-Id"] == "job-7:3"
    assert len((await answer(app, headers={"X-Request-Id": "a b"})).headers["X-Request-Id"]) == 32


async def test_work_is_in_progress_until_its_answer_is_sent(app):
    counts = []
    response = await answer(app, on_call=lambda: counts.append(app[DRAIN].in_progress))
    assert (counts, app[DRAIN].in_progress, response.prepared) == ([1], 0, True)


async def test_draining_refuses_work_but_not_probes(app):
    app[DRAIN].start()
    refused = await answer(app)
    assert (refused.status, members(refused)["code"], refused.headers["Retry-After"]) == (503, "draining", "5")
    assert (await answer(app, path="/healthz")).text == "fine"


async def test_requests_are_logged_with_their_status_and_probes_only_when_debugging(app, caplog):
    caplog.set_level(logging.DEBUG)
    await answer(app, errors.UnknownField("…"))
    await answer(app, path="/healthz")
    logged = [
        (record.levelname, record.path, record.status, getattr(record, "code", None)) for record in caplog.records
    ]
    assert logged == [("INFO", "/v1/analyze", 422, "unknown_field"), ("DEBUG", "/healthz", 200, None)]


async def test_a_problem_that_quotes_a_lone_surrogate_can_be_sent(app):
    response = await answer(app, errors.UnknownField("…", field="\ud83d"))
    assert members(response)["field"] == "\ud83d"
    assert response.body.isascii() is False  # the ellipsis is UTF-8, the surrogate an escape

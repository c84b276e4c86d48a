import inspect

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from nlpbatch.serving.shortcut import _shortened


async def answered(_):
    return web.Response()


@pytest.fixture
def shortened():
    app = web.Application()
    app.router.add_get("/healthz", answered)
    app.router.add_get("/v1/limits", answered)
    app.router.add_get("/v1/jobs/{job}", answered)
    route = app.router.add_route("*", "/v1/{rest:.*}", answered)
    return app, _shortened(app, route, lambda _: "routed")


@pytest.mark.parametrize("path", ["/v1/analyze", "/v1/", "/v1/analyzers/default?a=%20", "/v1/job"])
def test_what_only_the_route_can_answer_passes_by_the_router(shortened, path):
    app, handle = shortened
    request = make_mocked_request("POST", path)
    answer = handle(request)
    assert inspect.iscoroutine(answer)
    assert request.app is app
    answer.close()


@pytest.mark.parametrize(
    "path", ["/healthz", "/", "/v2/a", "/v1/limits", "/v1/jobs/a", "/v1/%6Cimits", "/%76%31/limits"]
)
def test_what_another_route_may_answer_is_routed(shortened, path):
    _, handle = shortened
    assert handle(make_mocked_request("POST", path)) == "routed"

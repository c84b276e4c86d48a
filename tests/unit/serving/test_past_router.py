from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from nlpbatch.errors import NoCapacity
from nlpbatch.serving.drain import DRAIN
from nlpbatch.serving.lifecycle import new_application
from nlpbatch.serving.past_router import PAST_ROUTER, PastRouter, shorten


class Scene:
    """An application of which one handler is reached past the router, and a hook that marks answers."""

    def __init__(self, *, short=True):
        self.app = new_application(body_bytes=1000, drain_retry_after_s=1.0)
        self.app.on_response_prepare.append(self._mark)
        self.refusal = None
        if short:
            self.app[PAST_ROUTER] = PastRouter("/v1/", frozenset({"/v1/limits"}), self._handle)
        self.server = SimpleNamespace(request_handler=self._route)
        shorten(self.app, self.server)

    async def _mark(self, _, response):
        response.headers.add("Marked", "once")

    async def _handle(self, _):
        assert self.app[DRAIN].in_progress == 1
        if self.refusal is not None:
            raise self.refusal
        return web.Response(text="short")

    async def _route(self, _):
        return web.Response(text="routed")

    async def ask(self, target):
        return await self.server.request_handler(make_mocked_request("POST", target))


@pytest.mark.parametrize("target", ["/v1/analyze", "/v1/limit", "/v1/a/../b", "/v1/x?y=1"])
async def test_what_begins_with_the_prefix_goes_straight_to_the_handler(target):
    answer = await Scene().ask(target)
    assert (answer.text, answer.headers.getall("Marked")) == ("short", ["once"])


@pytest.mark.parametrize(
    "target", ["/v1/limits", "/v1/limits?x=1", "/v1/%6Cimits", "/healthz", "/v1%2Fanalyze", "/v1/a%0Ab"]
)
async def test_everything_else_goes_through_the_router(target):
    assert (await Scene().ask(target)).text == "routed"


async def test_an_error_becomes_a_problem_document_with_what_the_hooks_add():
    scene = Scene()
    scene.refusal = NoCapacity("full", retry_after_s=2.0)
    answer = await scene.ask("/v1/analyze")
    assert (answer.status, answer.content_type) == (503, "application/problem+json")
    assert (answer.headers.getall("Marked"), answer.headers["Retry-After"]) == (["once"], "2")


async def test_an_application_without_such_a_handler_keeps_its_router():
    scene = Scene(short=False)
    assert scene.server.request_handler == scene._route

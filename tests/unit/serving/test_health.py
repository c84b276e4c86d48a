import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry, Counter

import nlpbatch
from nlpbatch.serving.drain import DRAIN
from nlpbatch.serving.health import add_health_routes
from nlpbatch.serving.lifecycle import new_application

STATED = {"version": nlpbatch.__version__, "contract": "1.0"}


class Ready:
    """Whether the application can work, as a test wants it."""

    now = True

    async def __call__(self):
        return self.now, {"workers": 2 if self.now else 0}


@pytest.fixture
def ready():
    return Ready()


@pytest.fixture
def app(ready):
    registry = CollectorRegistry()
    Counter("things", "Things done", registry=registry).inc()
    made = new_application(body_bytes=1000, drain_retry_after_s=5)
    add_health_routes(made, ready, registry)
    return made


async def get(app: web.Application, path: str) -> web.Response:
    request = make_mocked_request("GET", path, app=app)
    found = await app.router.resolve(request)
    return await found.handler(request)


async def readiness(app: web.Application):
    answer = await get(app, "/readyz")
    return answer.status, json.loads(answer.body)


async def test_a_process_that_answers_is_alive_whatever_it_can_do(app, ready):
    ready.now = False
    assert (await get(app, "/healthz")).status == 200


async def test_it_is_ready_when_it_can_take_work_and_says_more(app, ready):
    assert await readiness(app) == (200, STATED | {"ready": True, "workers": 2})
    ready.now = False
    assert await readiness(app) == (503, STATED | {"ready": False, "workers": 0})


async def test_while_draining_it_is_not_ready_though_it_still_works(app):
    app[DRAIN].start()
    assert await readiness(app) == (503, STATED | {"ready": False, "workers": 2})


async def test_metrics_are_in_the_format_of_prometheus(app):
    answer = await get(app, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b"things_total 1.0" in answer.body
    assert b"_created" not in answer.body

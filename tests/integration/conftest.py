"""One API with real Kiwi for all tests that only ask it, or that leave it as they found it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from aiohttp import web
from kiwipiepy import Kiwi
from playwright.sync_api import sync_playwright

from nlpbatch.kiwi import Kiwi as ServedKiwi
from nlpbatch.wire.fields import KIWI_FIELDS
from tests.fakes.running_api import Api, running_api
from tests.fakes.running_store import RunningStore, running_store

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CONFIG = """
[pool]
workers = 2
[limits]
text_bytes = 50_000
body_bytes = 1_000_000
"""


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API process with two workers."""
    with running_api("kiwi", tmp_path_factory.mktemp("api"), CONFIG) as running:
        yield running


@pytest.fixture(scope="session")
def kiwi() -> Kiwi:
    """What the API's answers are compared with."""
    return Kiwi(num_workers=2)


@pytest.fixture(scope="module")
def served(api: Api) -> Iterator[ServedKiwi]:
    """The drop-in for Kiwi over the API."""
    with ServedKiwi(service=api.url) as made:
        yield made


@pytest.fixture(scope="session")
def sample(reviews: Path) -> list[str]:
    """Some hundred reviews."""
    return pq.read_table(reviews, columns=["review"]).column("review").to_pylist()[:600]


@pytest.fixture(scope="session")
def expected(kiwi: Kiwi, sample: list[str]) -> list[list[dict]]:
    """Kiwi's own tokens of the sample, with every field that the API offers."""
    return [[{name: getattr(token, name) for name in KIWI_FIELDS} for token in row] for row in kiwi.tokenize(sample)]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RunningStore]:
    """A store of its own for each test, which it may kill."""
    with running_store(tmp_path) as running:
        yield running


def chromium(playwright):
    """Return the path of a browser; without one the test is skipped, under CI it fails."""
    own = playwright.chromium.executable_path
    found = next(filter(None, map(shutil.which, CHROMIUM)), own if Path(own).exists() else None)
    if found is None:
        message = "needs Chromium: apt-get install chromium, or playwright install --with-deps chromium"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(playwright))
        yield started
        started.close()


@pytest.fixture
async def peer():
    """Return a function that serves answers on a port of its own, by method and path; it notes what came."""
    runners = []

    async def serve(answers):
        came = []

        async def handle(request):
            came.append((request.method, request.path_qs, await request.text()))
            status, body = answers[request.method, request.path]
            return web.Response(status=status, text=body, content_type="application/json")

        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}", came

    yield serve
    for runner in runners:
        await runner.cleanup()

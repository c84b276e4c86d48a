import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from nlpbatch.errors import BackendFailed, NoCapacity, ServiceTimeout
from nlpbatch.serving.problems import LOG_KEY
from proxy.forwarding.delivery import Delivery, WholeRequest
from proxy.forwarding.gate import Admission, Gate
from proxy.forwarding.response_headers import ARRIVAL_KEY
from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.controller import TrafficController
from proxy.traffic.retries import RetryBudget
from proxy.traffic.slots import Backend
from proxy.upstream.client import BackendNotConnected, UpstreamRequest, UpstreamResponse
from tests.fakes.proxy_parts import arrival, counted, new_ledger, proxy_settings, waits

FINE, BROKEN, ELSEWHERE = (UpstreamResponse(status, {}, b"{}") for status in (200, 500, 412))
BODY = b"five!"
OLD = frozenset({"old"})


class Script:
    """Answers in the upstream's place with what is written for each attempt."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.asked = []

    async def fetch(self, backend, *, sent):
        self.asked.append(backend.url)
        assert sent.body == BODY
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            await asyncio.Event().wait()
        return outcome


class Observed:
    """What the metrics would count."""

    def __init__(self):
        self.seconds, self.retries = [], []

    def upstream(self, backend, seconds):
        assert seconds >= 0
        self.seconds.append(backend)

    def retried(self, backend):
        self.retries.append(backend)


class Scene:
    """A delivery to two backends with one slot each."""

    def __init__(self, *outcomes, fingerprints=frozenset()):
        self.backends = [
            Backend(f"http://b{number}", FixedLimit(1), ready=True, workers=1, fingerprints=fingerprints)
            for number in range(2)
        ]
        self.traffic = TrafficController(
            proxy_settings(classes=waits(60.0)), self.backends, chance=lambda: 0.5, choose=lambda _: 0
        )
        self.gate = Gate(self.traffic, lambda *_: None)
        self.script, self.observed, self.ledger = Script(*outcomes), Observed(), new_ledger()
        budget = RetryBudget(1.0, 10)
        self.delivery = Delivery(self.gate, budget, self.script, self.ledger, self.observed)

    async def fetch(self, **members):
        one = arrival("a", "job", **members)
        request = make_mocked_request("POST", "/v1/analyze")
        request[ARRIVAL_KEY], request[LOG_KEY] = one, {}
        call = WholeRequest(request, UpstreamRequest("POST", "/v1/analyze", CIMultiDict(), BODY), "key")
        lease = await self.gate.enter(one)
        return await self.delivery.fetch(lease, call), request[LOG_KEY]

    @property
    def in_flight(self):
        return [backend.in_flight for backend in self.backends]


async def test_an_answer_is_returned_counted_and_its_slot_released():
    scene = Scene(FINE)
    answer, logged = await scene.fetch()
    assert answer is FINE
    assert logged == {"backend": "http://b0"}
    assert counted(scene.ledger, "a", "job") == {
        "attempts": 1,
        "analysed": 1,
        "analysed_bytes": len(BODY),
    }
    assert (scene.observed.seconds, scene.observed.retries, scene.in_flight) == (["http://b0"], [], [0, 0])


@pytest.mark.parametrize("failure", [BROKEN, BackendFailed("…"), BackendNotConnected("…")])
async def test_after_a_failure_another_backend_s_answer_is_returned(failure):
    scene = Scene(failure, FINE)
    answer, logged = await scene.fetch()
    assert (answer, logged) == (FINE, {"backend": "http://b1"})
    assert scene.script.asked == scene.observed.seconds == ["http://b0", "http://b1"]
    assert (scene.observed.retries, scene.in_flight) == (["http://b0"], [0, 0])


@pytest.mark.parametrize("error", [BackendFailed, BackendNotConnected])
async def test_the_last_attempt_s_error_is_raised(error):
    last = error("last")
    scene = Scene(error("first"), last)
    with pytest.raises(error) as caught:
        await scene.fetch()
    assert caught.value is last
    assert scene.in_flight == [0, 0]
    assert "analysed" not in counted(scene.ledger, "a", "job")


async def test_a_timeout_is_raised_after_one_attempt():
    scene = Scene(ServiceTimeout("…"))
    with pytest.raises(ServiceTimeout):
        await scene.fetch()
    assert (scene.script.asked, scene.in_flight) == (["http://b0"], [0, 0])


async def test_the_last_attempt_s_failed_answer_is_returned():
    scene = Scene(BROKEN, BROKEN)
    assert (await scene.fetch())[0] is BROKEN
    assert "analysed" not in counted(scene.ledger, "a", "job")


async def test_without_a_slot_at_the_pinned_version_the_caller_has_to_come_back():
    scene = Scene(None, ELSEWHERE, fingerprints=OLD)
    full = asyncio.create_task(scene.fetch(pin=OLD))
    await asyncio.sleep(0)
    with pytest.raises(NoCapacity, match="the version that If-Match names") as caught:
        await scene.fetch(pin=OLD)
    assert (caught.value.retry_after_s, scene.in_flight) == (1.0, [1, 0])
    full.cancel()


async def test_a_caller_that_hangs_up_gives_its_slot_to_the_next():
    scene = Scene(None, None, FINE)
    gone = [asyncio.create_task(scene.fetch()) for _ in range(2)]
    next_ = asyncio.create_task(scene.fetch())
    for _ in range(3):
        await asyncio.sleep(0)
    assert (scene.in_flight, len(scene.script.asked)) == ([1, 1], 2)
    gone[0].cancel()
    assert (await next_)[0] is FINE
    gone[1].cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert scene.in_flight == [0, 0]


async def test_an_admitted_request_s_slot_is_taken_once_or_abandoned():
    scene = Scene()
    with Admission(scene.gate, await scene.gate.enter(arrival())) as admission:
        assert scene.in_flight == [1, 0]
    assert (scene.in_flight, admission.take()) == ([0, 0], None)
    with Admission(scene.gate, await scene.gate.enter(arrival())) as admission:
        lease = admission.take()
        assert admission.take() is None
    assert scene.in_flight == [1, 0]
    scene.gate.abandon(lease)
    with Admission(scene.gate, None) as admission:
        assert admission.take() is None

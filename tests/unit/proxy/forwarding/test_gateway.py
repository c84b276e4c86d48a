import pytest
from aiohttp.test_utils import make_mocked_request

from nlpbatch.errors import (
    InvalidRequest,
    LengthRequired,
    NoCapacity,
    NotFound,
    RequestTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from nlpbatch.serving.problems import LOG_KEY, REQUEST_ID_KEY
from proxy.config import ReplaySettings
from proxy.forwarding.answer_cache import AnswerCache
from proxy.forwarding.gateway import Gateway, Parts
from proxy.forwarding.single_flight import SingleFlight
from proxy.keys import make_key
from proxy.live import Live, Snapshot
from proxy.metrics import UNKNOWN_TENANT
from proxy.recent import Recent
from tests.fakes.proxy_parts import counted, new_ledger, proxy_settings

KEY, ENTRY = make_key()
KEY_ID = ENTRY.partition(":")[0]
REFUSED = NoCapacity("full", retry_after_s=1.0)


class FullGate:
    """Refuses every request, and remembers what arrived."""

    def __init__(self):
        self.arrived = []

    async def enter(self, arrival, _):
        self.arrived.append(arrival)
        raise REFUSED


class Answered:
    """What the metrics would count."""

    def __init__(self):
        self.counted = []

    def answered(self, tenant, status, size_bytes):
        self.counted.append((tenant, status, size_bytes))

    def key_failed(self, status):
        assert status == 401


class Scene:
    """A gateway with one tenant, `a`, behind which nothing is free."""

    def __init__(self, **groups):
        self.gate, self.metrics, self.ledger = FullGate(), Answered(), new_ledger()
        flights = SingleFlight(AnswerCache(ReplaySettings()))
        tenant = {"keys": [ENTRY]} | groups.pop("tenant", {})
        settings = proxy_settings({"a": tenant}, **groups)
        self.live = Live(Snapshot.of(settings))
        self.gateway = Gateway(self.live, Parts(self.gate, None, flights, self.metrics, self.ledger, Recent()))

    async def handle(self, path="/v1/analyze", *, authorized=True, length=5000, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Authorization": f"Bearer {KEY}"} if authorized else {}
        given |= {} if length is None else {"Content-Length": str(length)}
        request = make_mocked_request("POST", path, given)
        request[REQUEST_ID_KEY] = "id"
        self.request = request
        return await self.gateway.handle(request)

    async def arrival(self, **members):
        """Return what came to the gate."""
        with pytest.raises(NoCapacity):
            await self.handle(**members)
        return self.gate.arrived[-1]


async def test_a_request_arrives_with_its_caller_its_cost_and_its_class():
    scene = Scene()
    found = await scene.arrival(Nlpbatch_Job="nightly", Priority="u=6", Prefer="wait=7", If_Match='"v1", "v2"')
    assert (found.tenant, found.key_id, found.job, found.class_name) == ("a", KEY_ID, "nightly", "batch")
    assert (found.cost_bytes, found.wait_s, found.pin) == (5000, 7.0, frozenset({"v1", "v2"}))
    assert scene.request[LOG_KEY] == {"tenant": "a", "job": "nightly", "class": "batch", "bytes": 5000}


async def test_a_refusal_is_counted_for_its_tenant_and_job():
    scene = Scene()
    await scene.arrival(Nlpbatch_Job="nightly")
    assert scene.metrics.counted == [("a", 503, 0)]
    assert counted(scene.ledger, "a", "nightly") == {"refused": 1, "refused_bytes": 5000}


@pytest.mark.parametrize("length", [None, 0, 1, 1024])
async def test_a_small_request_costs_little_but_not_nothing(length):
    assert (await Scene().arrival(length=length)).cost_bytes == 1024


async def test_a_caller_without_a_known_key_is_refused_before_anything_else():
    scene = Scene()
    with pytest.raises(Unauthenticated):
        await scene.handle("/v1/../admin", authorized=False)
    assert scene.metrics.counted == [(UNKNOWN_TENANT, 401, 0)]
    assert scene.gate.arrived == []


@pytest.mark.parametrize(
    ("error", "path", "members"),
    [
        (RequestTooLarge, "/v1/analyze", {"length": 2_000_000}),
        (UnsupportedMediaType, "/v1/analyze", {"Content_Encoding": "gzip"}),
        (LengthRequired, "/v1/analyze", {"length": None, "Transfer_Encoding": "chunked"}),
        (InvalidRequest, "/v1/analyze", {"Nlpbatch_Job": "two words"}),
        (InvalidRequest, "/v1/analyze", {"Idempotency_Key": "two words"}),
        (NotFound, "/v1/../readyz", {}),
    ],
)
async def test_what_cannot_be_passed_on_is_refused_before_it_waits(error, path, members):
    scene = Scene(limits={"body_bytes": 1_500_000})
    with pytest.raises(error):
        await scene.handle(path, **members)
    assert scene.gate.arrived == []


@pytest.mark.parametrize(
    ("classes", "priority", "expected"),
    [
        (["interactive", "batch"], "u=3", "interactive"),
        (["interactive", "batch"], "u=5", "batch"),
        (["batch"], "u=0", "batch"),
        (["interactive"], "u=7", "interactive"),
    ],
)
async def test_a_request_is_of_the_class_that_it_claims_if_its_tenant_may(classes, priority, expected):
    scene = Scene(tenant={"classes": classes})
    assert (await scene.arrival(Priority=priority)).class_name == expected


async def test_a_request_is_recognised_by_its_idempotency_key_or_by_what_it_is():
    scene = Scene()
    named = [(await scene.arrival(Idempotency_Key="k", length=length)).identity for length in (2000, 3000)]
    assert named[0] == named[1]
    unnamed = [(await scene.arrival(length=length)).identity for length in (2000, 2000, 3000)]
    assert unnamed[0] == unnamed[1] != unnamed[2]


async def test_new_settings_hold_for_the_next_request():
    scene = Scene()
    key, entry = make_key()
    scene.live.now = Snapshot.of(proxy_settings({"b": {"keys": [entry]}}))
    with pytest.raises(Unauthenticated):
        await scene.handle()
    assert scene.gateway.authenticate(make_mocked_request("GET", "/", {"Authorization": f"Bearer {key}"}))[0] == "b"

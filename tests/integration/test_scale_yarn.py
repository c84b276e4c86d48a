"""A component of a service on YARN as a target, with a peer in the place of YARN. tests/cluster has a real one."""

import asyncio
import json

import pytest
from aiohttp import web

from nlpbatch.errors import ServiceUnreachable
from proxy.scaler.targets import NotApplied, Registered, Units, read_registered
from proxy.scaler.yarn import YarnTarget
from proxy.scaler.yarn_services import YarnServices

SERVICE = "/app/v1/services/nlp"


def yarn(number, *instances):
    """Return YARN's answers for a component with these containers, c0 for api-0."""
    containers = [
        {"id": f"c{one}", "component_instance_name": f"api-{one}", "bare_host": "node", "state": "READY"}
        for one in instances
    ]
    component = {"name": "api", "number_of_containers": number, "containers": containers}
    answers = {
        ("GET", SERVICE): (200, json.dumps({"state": "STABLE", "components": [component]})),
        ("PUT", SERVICE): (200, "{}"),
        ("PUT", f"{SERVICE}/components/api"): (200, "{}"),
    }
    return answers | {
        ("POST", f"/ws/v1/cluster/containers/c{one}/signal/GRACEFUL_SHUTDOWN"): (200, "") for one in range(9)
    }


def target(address, registered=None, component="api"):
    known = {} if registered is None else registered
    return YarnTarget(YarnServices(address, "someone"), "nlp", component, lambda: dict(known))


async def test_yarn_is_asked_as_its_services_api_wants_it(peer):
    address, came = await peer(yarn(3, 0))
    asked = target(address)
    assert await asked.now() == Units(3, pending=2)
    await asked.apply(5)
    method, path, body = came[-1]
    assert (method, path) == ("PUT", f"{SERVICE}/components/api?user.name=someone")
    assert json.loads(body) == {"name": "api", "number_of_containers": 5}
    with pytest.raises(NotApplied, match=r"no component 'worker': choose from api"):
        await target(address, component="worker").now()


async def test_a_container_is_taken_away_when_no_proxy_has_it_and_nothing_listens_there(peer):
    answers = yarn(3, 0, 1, 2)
    address, came = await peer(answers)
    listening, _ = await peer({})
    registered = {f"c{one}": Registered("http://127.0.0.1:9", leaving=False) for one in (0, 1)}
    registered["c2"] = Registered(listening, leaving=False)
    asked = target(address, registered)
    await asked.now()
    await asked.apply(2)
    assert came[-1][:2] == ("POST", "/ws/v1/cluster/containers/c2/signal/GRACEFUL_SHUTDOWN?user.name=someone")
    assert await asked.now() == Units(2)  # a proxy has it
    registered["c2"] = Registered(listening, leaving=True)
    assert await asked.now() == Units(2)
    del registered["c2"]
    assert await asked.now() == Units(2)  # it still answers what it has under way
    assert asked.leaving == 1
    await asked.apply(3)  # one that leaves is asked for no longer
    assert json.loads(came[-1][2])["number_of_containers"] == 4
    asked._leaving["c2"].url = "http://127.0.0.1:9"
    assert await asked.now() == Units(2)
    assert [one for one in came if one[:2] == ("PUT", f"{SERVICE}?user.name=someone")][-1][2] == json.dumps(
        {"name": "nlp", "components": [{"name": "api", "decommissioned_instances": ["api-2"]}]}
    )
    assert asked.leaving == 0


async def test_those_go_first_that_wait_for_room_then_the_unregistered_then_the_youngest(peer):
    address, came = await peer(yarn(5, 0, 1, 2, 3))
    registered = {f"c{one}": Registered("http://127.0.0.1:9", leaving=False) for one in (0, 2, 3)}
    asked = target(address, registered)
    assert await asked.now() == Units(5, pending=1)
    await asked.apply(2)
    assert json.loads(came[-3][2])["number_of_containers"] == 4
    assert [path.split("/")[5] for _, path, _ in came[-2:]] == ["c1", "c3"]


async def test_one_that_waits_for_room_and_is_older_than_some_that_run_stays(peer):
    answers = yarn(4, 1, 2, 3)  # api-0 has ended, and waits for a place: YARN would give up api-3 instead
    address, came = await peer(answers)
    asked = target(address, {f"c{one}": Registered("http://127.0.0.1:9", leaving=False) for one in (1, 2, 3)})
    await asked.now()
    with pytest.raises(NotApplied, match="older than some that run: they stay"):
        await asked.apply(3)
    assert all(method == "GET" for method, _, _ in came)


async def test_a_container_that_no_proxy_knew_may_drain_before_it_is_taken_away(peer):
    address, came = await peer(yarn(2, 0, 1))
    asked = target(address, {"c0": Registered("http://127.0.0.1:9", leaving=False)})
    await asked.now()
    await asked.apply(1)
    assert await asked.now() == Units(1)
    assert asked.leaving == 1
    asked._leaving["c1"].forgotten_s -= 61
    assert await asked.now() == Units(1)
    assert "decommissioned_instances" in came[-1][2]


async def test_a_dry_run_takes_nothing_away(peer):
    address, came = await peer(yarn(2, 0, 1))
    registered = {"c1": Registered("http://127.0.0.1:9", leaving=True)}
    asked = YarnTarget(YarnServices(address, None), "nlp", "api", lambda: dict(registered), dry_run=True)
    await asked.now()
    registered.clear()
    await asked.now()
    assert all(method == "GET" for method, _, _ in came)


async def test_the_resource_manager_that_stands_by_leads_to_the_active_one(peer):
    active, came = await peer(yarn(1, 0))

    async def lead(request):
        raise web.HTTPTemporaryRedirect(f"{active}{request.path_qs}")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", lead)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    asked = target(f"http://127.0.0.1:{runner.addresses[0][1]}")
    assert await asked.now() == Units(1)
    await asked.apply(2)
    assert json.loads(came[-1][2])["number_of_containers"] == 2
    await runner.cleanup()


async def test_another_scaler_finds_what_leaves_at_the_proxies(peer):
    address, came = await peer(yarn(2, 0, 1))
    registered = {"c0": Registered("http://127.0.0.1:9", leaving=False), "c1": Registered("http://a:1", leaving=True)}
    assert await target(address, registered).now() == Units(1)
    assert all(method == "GET" for method, _, _ in came)


async def test_a_yarn_that_refuses_or_is_away_is_named(peer):
    address, _ = await peer({("GET", SERVICE): (404, '{"diagnostics": "Service nlp not found"}')})
    with pytest.raises(NotApplied, match=r"HTTP 404.*not found.*check --service"):
        await target(address).now()
    address, _ = await peer({("GET", SERVICE): (404, "<html>")})
    with pytest.raises(NotApplied, match=r"HTTP 404.*set yarn.webapp.api-service.enable"):
        await target(address).now()
    with pytest.raises(NotApplied, match="doesn't answer"):
        await target("http://127.0.0.1:9").now()
    address, _ = await peer(yarn(2, 0, 1) | {("PUT", f"{SERVICE}/components/api"): (500, "{}")})
    asked = target(address)
    await asked.now()
    with pytest.raises(NotApplied, match="HTTP 500"):
        await asked.apply(5)


async def test_what_any_proxy_has_is_registered_and_leaves_when_all_say_so(peer):
    def knows(*registrations):
        members = [{"name": name, "url": f"http://{name}:1", "leaving": leaving} for name, leaving in registrations]
        return {("GET", "/state"): (200, json.dumps({"registrations": members}))}

    first, _ = await peer(knows(("a", True), ("b", True), (None, False)))
    second, _ = await peer(knows(("b", False), ("c", False)))
    gone = "http://127.0.0.1:9"
    found = await asyncio.to_thread(read_registered, [first, gone, second])
    assert {name: one.leaving for name, one in found.items()} == {"a": True, "b": False, "c": False}
    with pytest.raises(ServiceUnreachable, match="doesn't answer"):
        await asyncio.to_thread(read_registered, [gone])

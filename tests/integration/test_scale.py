"""`nlpbatch scale` as a process: a proxy's word, real commands, a real store, and a peer in the place of YARN."""

import asyncio
import json
import sys

import pytest
from aiohttp import web

from nlpbatch.errors import ConfigError, ServiceUnreachable
from proxy.config_shared import SharedSettings
from proxy.scaler.lease import ScalerLease
from proxy.scaler.targets import CommandTarget, NotApplied, Registered, Units, read_registered, read_state
from proxy.scaler.yarn import YarnTarget
from proxy.scaler.yarn_services import YarnServices
from proxy.shared.store import SharedStore
from tests.fakes.running_proxy import ENTRY

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"


@pytest.fixture
async def peer(unused_tcp_port_factory=None):
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


async def scale(*arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nlpbatch", "scale", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


def state(workers):
    scaling = {"wanted_workers": workers, "workers": 2, "reason": "all 2 workers are busy", "max_workers": 16}
    return {("GET", "/state"): (200, json.dumps({"scaling": scaling}))}


async def test_a_command_gets_the_number_without_a_shell(peer, tmp_path):
    admin, _ = await peer(state(7))
    file = tmp_path / "asked for"
    command = ["--", sys.executable, "-c", WRITE, file, "{units} of {workers}; $(date)"]
    common = ["--target", "command", "--admin", admin, "--workers-per-unit", 2, "--once"]
    code, said = await scale(*common, *command)
    assert (code, file.read_text()) == (0, "4 of 8; $(date)\n")
    assert json.loads(said)["event"] == "scaled"
    assert json.loads(said)["reason"] == "all 2 workers are busy"
    code, said = await scale(*common, "--dry-run", *command)
    assert (code, file.read_text()) == (0, "4 of 8; $(date)\n")
    assert json.loads(said)["event"] == "would scale"


async def test_the_first_proxy_that_answers_counts_and_none_is_an_error(peer):
    admin, _ = await peer(state(7))
    gone = "http://127.0.0.1:9"
    assert (await asyncio.to_thread(read_state, [gone, admin]))["wanted_workers"] == 7
    other, _ = await peer({("GET", "/state"): (200, "{}")})
    with pytest.raises(ServiceUnreachable, match=r"doesn't answer.*; .*says nothing of scaling"):
        await asyncio.to_thread(read_state, [gone, other])
    fresh, _ = await peer(state(None))
    assert (await asyncio.to_thread(read_state, [fresh, admin]))["wanted_workers"] == 7
    with pytest.raises(ServiceUnreachable, match=r"doesn't know yet: all 2"):
        await asyncio.to_thread(read_state, [fresh])


async def test_once_ends_with_1_if_it_could_not_be_made_true(peer):
    admin, _ = await peer(state(7))
    code, said = await scale("--target", "none", "--admin", "http://127.0.0.1:9", "--once")
    assert (code, json.loads(said)["event"]) == (1, "kept as it is")
    failing = ["--", sys.executable, "-c", "import sys; sys.exit('no room for {units}')"]
    code, said = await scale("--target", "command", "--admin", admin, "--once", *failing)
    assert (code, json.loads(said)["event"]) == (1, "not scaled")
    assert "ended with 1: no room for 7; what there is stays" in json.loads(said)["reason"]


async def test_of_two_scalers_one_works_until_it_is_stopped_and_the_other_goes_on(peer, redis, tmp_path):
    admin, _ = await peer(state(7))
    (tmp_path / "secret").write_text("a secret of the fleet")
    config = tmp_path / "proxy.toml"
    config.write_text(
        f'[shared]\nurl = "{redis.url}"\nsecret_file = "{tmp_path / "secret"}"\ntimeout_s = 2.0\n'
        f'[[backends]]\nurl = "http://127.0.0.1:9"\n[tenants.a]\nkeys = [{json.dumps(ENTRY)}]\n'
    )
    files = [tmp_path / name for name in ("first", "second")]

    async def start(file):
        command = ["--", sys.executable, "-c", WRITE, str(file), "{units}"]
        options = ["--target", "command", "--admin", admin, "--config", str(config), "--period", "0.2"]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nlpbatch", "scale", *options, *command), stderr=asyncio.subprocess.PIPE
        )

    async def until(there):
        async with asyncio.timeout(60):
            while not there():
                await asyncio.sleep(0.05)

    processes = [await start(files[0])]
    try:
        await until(files[0].exists)
        processes.append(await start(files[1]))
        assert json.loads(await asyncio.wait_for(processes[1].stderr.readline(), 60))["event"] == "waiting"
        assert not files[1].exists()
        processes[0].terminate()
        assert await asyncio.wait_for(processes[0].wait(), 60) == 0
        await until(files[1].exists)  # at once: the first has given its lease back
        assert [file.read_text() for file in files] == ["7\n", "7\n"]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_a_command_that_fails_says_why():
    with pytest.raises(ConfigError, match=r"has no number in it: write \{units\}"):
        CommandTarget(["kubectl", "scale"], 1)
    for command, reason in (
        (["/nowhere/at-all", "{units}"], "can't be run"),
        ([sys.executable, "-c", "import sys; sys.exit('no room for {units}')"], "ended with 1: no room for 3"),
    ):
        with pytest.raises(NotApplied, match=reason):
            await CommandTarget(command, 1).apply(3)


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


async def test_one_scaler_at_a_time_has_the_lease(redis, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a secret of the fleet")
    store = SharedStore(SharedSettings(url=redis.url, secret_file=str(secret), timeout_s=2.0))
    await store.open()
    first, second = (ScalerLease(store, "nlp", name, 0.5) for name in ("first", "second"))
    assert await first.hold() is None
    assert await second.hold() == "scaler first has the lease"
    assert await ScalerLease(store, "another service", "second", 0.5).hold() is None
    await asyncio.sleep(0.3)
    assert await first.hold() is None
    await asyncio.sleep(0.3)
    assert await second.hold() == "scaler first has the lease"
    await first.give_back()
    assert await second.hold() is None
    await asyncio.sleep(0.6)  # it falls silent
    assert await first.hold() is None
    await store.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--target", "command"], "give it after --"),
        (["--target", "none", "--", "true"], "leave it out"),
        (["--target", "yarn"], "--target yarn without --yarn"),
        (["--target", "none", "--workers-per-unit", 0], "--workers-per-unit is 0: give 1"),
        (["--target", "none", "--min-units", 5, "--max-units", 4], "--max-units 4 is under --min-units 5"),
    ],
)
async def test_wrong_arguments_are_refused_at_once(arguments, says):
    code, said = await scale(*arguments)
    assert code == 2
    assert says in said

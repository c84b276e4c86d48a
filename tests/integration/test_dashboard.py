"""The dashboard's paths at a real proxy's admin listener: what they tell, who may come in, what a change would do."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nlpbatch.cli import main as nlpbatch
from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.settings import check
from proxy.admin import admin_application
from proxy.config import ProxySettings
from proxy.main import PROXY, build_app
from tests.fakes.backend import FakeBackend, answer, held
from tests.fakes.operated_fleet import RunningMember
from tests.fakes.running_proxy import AUTHORIZED, GUEST, KEY, TENANTS

SECRET = "아버지가방에들어가신다"
ADMIN_KEY = "a key that is long enough"
JOB = {"Nlpbatch-Job": "nightly", "Priority": "u=5"}


@asynccontextmanager
async def operated(backend, **groups):
    """Run a proxy with both listeners."""
    members = {
        "backends": [{"url": backend.url}],
        "tenants": TENANTS,
        "upstream": {"health_period_s": 0.05},
        "concurrency": {"policy": "fixed", "per_worker": 0.5},
        "classes": {"interactive": {"extra_slots": 0}},
    } | groups
    settings = check(members, ProxySettings, "test")
    app = await build_app(settings)
    async with (
        running(app, EndpointSettings()) as listener,
        running(admin_application(app[PROXY]), EndpointSettings(), "admin") as admin,
        aiohttp.ClientSession(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}") as callers,
        aiohttp.ClientSession(admin_url := f"http://127.0.0.1:{admin.sockets[0].getsockname()[1]}") as operator,
    ):
        member = RunningMember(app[PROXY], callers, operator, admin_url)
        async with asyncio.timeout(10):
            while not app[PROXY].backends.all[0].ready:
                await asyncio.sleep(0.01)
        yield member


async def look(member, true_of=lambda _: True):
    """Return what the dashboard shows, as soon as that is so."""
    async with asyncio.timeout(10):
        while True:
            status, found = await member.operate("GET", "/dashboard.json")
            assert status == 200, found
            if true_of(found):
                return found
            await asyncio.sleep(0.05)


async def samples(member):
    """Return what /metrics says: name and labels to value."""
    async with member.callers.get("/metrics") as got:
        text = await got.text()
    return {
        (sample.name.removeprefix("nlpbatch_proxy_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_figures_are_those_of_the_metrics():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, operated(backend) as member:
        asking = [asyncio.create_task(member.ask(data=b"x" * 2000, **JOB)) for _ in range(3)]
        asking.append(asyncio.create_task(member.ask(GUEST["Authorization"].split()[1])))
        found = await look(member, lambda found: found["totals"]["waiting"] == 3)
        metrics = await samples(member)
        tenants = {one["tenant"]: one for one in found["tenants"]}
        assert tenants["home"]["waiting"] == metrics["queue_requests", "batch", "home"] == 2
        assert tenants["home"]["waiting_bytes"] == metrics["queue_bytes", "batch", "home"] == 4000
        assert tenants["guests"]["waiting"] == metrics["queue_requests", "guests", "interactive"] == 1
        assert found["totals"]["in_flight"] == metrics["in_flight", backend.url] == 1
        assert found["totals"]["slots"] == metrics["limit", backend.url] == 1
        assert [(one["job"], one["waiting"], one["in_flight"]) for one in found["jobs"]] == [("nightly", 2, 1)]
        assert found["fullest"][0]["whose"] == "the backends"
        release.set()
        await asyncio.gather(*asking)
        found = await look(member, lambda found: found["totals"]["requests_total"] == 4)
        metrics = await samples(member)
        tenants = {one["tenant"]: one["requests_total"] for one in found["tenants"]}
        assert tenants == {"home": metrics["requests_total", "200", "home"], "guests": 1}
        assert found["totals"]["answered"] == 4
        assert found["totals"]["longest_wait_s"] > 0


async def test_refusals_are_there_with_their_reasons_and_no_text_and_no_key():
    quota = {"bytes_per_s": 1000, "burst_bytes": 3000}
    home = TENANTS["home"] | {"quota": quota}
    async with (
        FakeBackend(answer(SECRET.encode(), status=500)) as backend,
        operated(
            backend,
            tenants=TENANTS | {"home": home},
            upstream={"health_period_s": 0.05, "retry_min": 0, "retry_ratio": 0.0},
        ) as member,
    ):
        body = SECRET.encode() * 50
        assert (await member.ask(data=body + b"x" * 4000, **JOB))[0] == 413
        assert (await member.ask("nobody's key"))[0] == 401
        async with member.callers.post(f"/v1/analyze?{'text=' + SECRET}", data=body, headers=AUTHORIZED | JOB) as got:
            assert got.status == 500
        async with member.callers.post(f"/v1/{SECRET}", data=body, headers=AUTHORIZED | {"If-Match": SECRET}) as got:
            assert got.status == 400
        found = await look(member)
    last = {(one["tenant"], one["status"]): one for one in found["refusals"]["last"]}
    assert last["home", 413]["code"] == "request_too_large"
    assert (last["home", 413]["job"], last["home", 413]["cause"]) == ("nightly", "burst")
    assert "may send 3,000 at once" in last["home", 413]["reason"]
    assert last["-", 401]["reason"].startswith("no API key that this proxy knows")
    assert last["home", 500]["reason"] == "the API answered with HTTP 500: its own log says why"
    assert {one["code"] for one in found["refusals"]["reasons"]} == {
        "request_too_large",
        "unauthenticated",
        "(of the API)",
        "invalid_request",
    }
    whole = json.dumps(found, ensure_ascii=False)
    for private in (SECRET, KEY, KEY.rpartition("_")[2], "nobody's", TENANTS["home"]["keys"][0].rpartition(":")[2]):
        assert private not in whole


async def test_a_pause_a_drain_and_a_revoked_key_are_shown_and_in_the_audit_log():
    async with FakeBackend() as backend, operated(backend) as member:
        by = {"Nlpbatch-Actor": "Kim"}
        key_id = TENANTS["guests"]["keys"][0].partition(":")[0]
        for path in ("/tenants/home/pause", f"/keys/{key_id}/revoke", "/drain"):
            assert (await member.operate("POST", path, headers=by))[0] in {200, 202}
        found = await look(member, lambda found: found["draining"])
    assert [(one["action"], one["by"]) for one in found["audit"]] == [
        ("drain", "Kim"),
        ("key.revoke", "Kim"),
        ("tenant.pause", "Kim"),
    ]
    assert next(one["paused"] for one in found["tenants"] if one["tenant"] == "home")
    assert next(one["state"] for one in found["keys"] if one["id"] == key_id) == "revoked"


async def test_what_a_change_would_do_is_played_with_the_load_that_was():
    async with FakeBackend() as backend, operated(backend) as member:
        for _ in range(20):
            assert (await member.ask(data=b"x" * 20_000, **JOB))[0] == 200
        edits = [
            {"path": ["tenants", "home", "quota", "bytes_per_s"], "value": 10_000},
            {"path": ["tenants", "home", "quota", "burst_bytes"], "value": 20_000},
        ]
        status, found = await member.operate("POST", "/dashboard/what-if", json={"edits": edits})
        before = (await member.operate("GET", "/config"))[1]
    assert status == 200, found
    assert found["toml"] == "[tenants.home.quota]\nbytes_per_s = 10_000\nburst_bytes = 20_000\n"
    assert {(one["what"], one["effect"]) for one in found["changes"]} >= {("quota, bytes/s", "loses")}
    assert any("burst" in one for one in found["warnings"])
    then = found["simulation"]["after"]["tenants"]["home/batch"]
    assert then["bytes_per_s"] < found["simulation"]["before"]["tenants"]["home/batch"]["bytes_per_s"]
    assert then["bytes_per_s"] == pytest.approx(10_000, rel=0.5)
    assert list(then["jobs_bytes_per_s"]) == ["nightly"]
    assert found["simulation"]["measured"]["home/batch"]["refused"] == 0
    assert before["tenants"]["home"]["quota"]["bytes_per_s"] is None  # nothing was changed


async def test_a_change_that_cannot_be_made_is_refused_and_one_without_a_load_is_still_compared():
    path = ["tenants", "home", "weight"]
    async with FakeBackend() as backend, operated(backend) as member:
        status, problem = await member.operate(
            "POST", "/dashboard/what-if", json={"edits": [{"path": path, "value": -1}]}
        )
        assert (status, problem["code"]) == (400, "invalid_request")
        assert "weight" in problem["detail"]
        assert (await member.operate("POST", "/dashboard/what-if", data=b"["))[0] == 400
        status, found = await member.operate("POST", "/dashboard/what-if", json={"edits": [{"path": path, "value": 3}]})
    assert (status, found["simulation"]) == (200, None)
    assert found["why_not"] == "nothing can be played: no request had a slot in the last ten minutes"
    assert found["changes"][0]["effect"] == "gains"


async def test_a_reload_is_shown_with_what_it_changed_and_faults_of_the_file_with_their_remedies():
    async with FakeBackend() as backend, operated(backend) as member:
        settings = member.proxy.settings
        await member.proxy.adopt(
            settings.model_copy(update={"queue": settings.queue.model_copy(update={"requests": 7})})
        )
        member.proxy.metrics.configured(member.proxy.generation, valid=False, faults=["proxy.toml:1: wrong"])
        config = (await look(member))["config"]
    assert (config["generation"], config["valid"], config["faults"]) == (2, False, ["proxy.toml:1: wrong"])
    assert config["last_reload"]["settings"] == {"queue.requests": {"before": 2000, "after": 7}}


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard.json", "/dashboard/dashboard.js", "/state", "/keys", "/audit"]
)
async def test_with_a_key_only_those_come_in_who_know_it(path, monkeypatch):
    monkeypatch.setenv("NLPBATCH_ADMIN_KEY", ADMIN_KEY)
    async with FakeBackend() as backend, operated(backend) as member:
        basic = aiohttp.encode_basic_auth("Kim", ADMIN_KEY)
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !"}):
            async with member.operator.get(path, headers=wrong) as got:
                assert got.status == 401
                assert ("Basic" in got.headers["WWW-Authenticate"]) == (path == "/dashboard")
        for right in (f"Bearer {ADMIN_KEY}", basic):
            async with member.operator.get(path, headers={"Authorization": right}) as got:
                assert got.status == 200
        async with member.operator.get("/healthz") as got:
            assert got.status == 200


async def test_without_a_key_the_dashboard_is_closed_to_others_and_the_rest_is_as_it_was():
    async with FakeBackend() as backend, operated(backend, admin={"host": "0.0.0.0"}) as member:
        for path, status in (("/dashboard", 403), ("/dashboard.json", 401), ("/dashboard/what-if", 401)):
            async with member.operator.get(path) as got:
                assert (got.status, "set admin.key_file" in await got.text()) == (status, True)
        assert (await member.operate("GET", "/state"))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://elsewhere.example"}, 400),
        ({"Origin": "null"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Host": "elsewhere.example"}, 404),
        ({"Host": "elsewhere.example", "Origin": "http://elsewhere.example"}, 404),
    ],
)
async def test_a_page_of_another_site_changes_nothing(headers, status):
    async with FakeBackend() as backend, operated(backend) as member:
        given = {name: value.format(own=member.admin_url) for name, value in headers.items()}
        assert (await member.operate("POST", "/tenants/home/pause", headers=given))[0] == status
        assert member.proxy.state()["tenants"]["home"]["paused"] is (status == 200)


async def test_top_prints_the_same(capsys, monkeypatch):
    monkeypatch.setenv("NLPBATCH_ADMIN_KEY", ADMIN_KEY)
    async with FakeBackend() as backend, operated(backend) as member:
        assert (await member.ask(**JOB))[0] == 200
        assert (await member.ask("nobody's key"))[0] == 401
        top = ["top", "--admin", member.admin_url]
        assert await asyncio.to_thread(nlpbatch, [*top, "--once"]) == 0
        text = capsys.readouterr().out
        for words in ("home", "nightly (home, batch)", backend.url, "unauthenticated"):
            assert words in text
        assert "\x1b" not in text
        assert await asyncio.to_thread(nlpbatch, [*top, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["requests_total"] == 2
        monkeypatch.setenv("NLPBATCH_ADMIN_KEY", "another key, which is long enough")
        assert await asyncio.to_thread(nlpbatch, [*top, "--once"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("nlpbatch: unauthenticated: this admin listener has a key")

"""The audit log tells every change at every proxy, and `nlpbatch proxy key` and `audit` speak to a running fleet."""

import asyncio
import json

import pytest
from redis import Redis

from nlpbatch.cli import main as nlpbatch
from tests.fakes.backend import FakeBackend
from tests.fakes.operated_fleet import running_fleet, running_member, until
from tests.fakes.running_proxy import ENTRY, KEY
from tests.fakes.running_store import running_store

KIM = {"headers": {"Nlpbatch-Actor": "kim"}}


@pytest.fixture
def store(tmp_path):
    with running_store(tmp_path) as running:
        yield running


async def entries(member, query=""):
    status, answer = await member.operate("GET", f"/audit{query}")
    assert status == 200
    return answer["entries"]


async def test_every_kind_of_change_is_shown_at_every_proxy(store, tmp_path, caplog):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        _, issued = await first.operate("POST", "/keys", json={"tenant": "home", "note": "nightly"}, **KIM)
        await second.operate("POST", f"/keys/{issued['id']}/revoke", **KIM)
        await second.operate("POST", f"/keys/{issued['id']}/revoke", **KIM)  # changes nothing
        await first.operate("POST", "/tenants/home/pause", **KIM)
        await first.operate("POST", "/tenants/home/resume")
        await first.operate("PUT", "/log-level", json={"level": "error"}, **KIM)
        settings = first.proxy.settings
        await first.proxy.adopt(
            settings.model_copy(update={"queue": settings.queue.model_copy(update={"requests": 7})})
        )
        await first.operate("POST", "/drain", **KIM)
        await until(lambda: not first.proxy.operating.audit._unsent)
        shown = await entries(second)
    assert [(one["action"], one["target"], one["by"], one["before"], one["after"]) for one in shown] == [
        ("key.create", issued["id"], "kim", None, {"tenant": "home", "expires_at": None, "note": "nightly"}),
        ("key.revoke", issued["id"], "kim", "valid", "revoked"),
        ("tenant.pause", "home", "kim", False, True),
        ("tenant.resume", "home", "", True, False),
        ("log_level", "proxy", "kim", shown[4]["before"], "error"),
        (
            "config.reload",
            "proxy.toml",
            "",
            None,
            {"generation": 2, "settings": {"queue.requests": {"before": 2000, "after": 7}}},
        ),
        ("drain", "proxy", "kim", False, True),
    ]
    assert {one["address"] for one in shown} == {"127.0.0.1", ""}
    lines = [line.getMessage() for line in caplog.records if line.name == "nlpbatch.audit"]
    assert lines == [one["action"] for one in shown]
    secret = issued["key"].split("_", 2)[2]
    assert secret not in json.dumps(shown) + caplog.text
    assert ENTRY[13:] not in json.dumps(shown)


async def test_the_store_keeps_ten_thousand_entries_and_garbage_among_them_does_no_harm(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, count=1) as (member,):
        with Redis(port=store.port) as client:
            client.lpush("nlpbatch:audit", *(b"{}" for _ in range(10_500)))
            await member.operate("POST", "/tenants/home/pause")
            await until(lambda: client.llen("nlpbatch:audit") == 10_000)
            assert [one["action"] for one in await entries(member, "?limit=10000")] == ["tenant.pause"]
            client.set("nlpbatch:audit", "no list")
            assert await entries(member) == []
            await member.operate("POST", "/tenants/home/resume")
            await until(lambda: client.type("nlpbatch:audit") == b"list")
            assert [one["action"] for one in await entries(member)] == ["tenant.resume"]
        assert not member.proxy.fleet.store.away


async def test_a_change_while_the_store_is_away_is_shown_here_and_later_everywhere(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        store.kill()
        await until(lambda: first.proxy.fleet.store.away)
        await first.operate("POST", "/tenants/home/pause")
        _, answer = await first.operate("GET", "/audit")
        assert ([one["action"] for one in answer["entries"]], answer["complete"]) == (["tenant.pause"], False)
        store.start()

        async def all_shown():
            return [one["action"] for one in await entries(second)] == ["tenant.pause"]

        await until(all_shown)


async def test_one_process_without_a_store_has_the_same_in_memory():
    async with FakeBackend() as backend, running_member(backend) as member:
        await member.operate("POST", "/tenants/home/pause", **KIM)
        assert [(one["action"], one["by"]) for one in await entries(member)] == [("tenant.pause", "kim")]
        assert await entries(member, "?since=0s") == []


async def command(*arguments):
    return await asyncio.to_thread(nlpbatch, ["proxy", *arguments])


async def test_the_command_issues_lists_and_revokes_keys_and_shows_who_did(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    keys = {"file": str(tmp_path / "keys.json")}
    async with FakeBackend() as backend, running_member(backend, keys=keys) as member:
        admin = ("--admin", member.admin_url)
        issuing = ("key", "create", "--tenant", "guests", "--expires", "2099-01-31", "--note", "for [tests]")
        assert await command(*issuing, "--by", "김", *admin) == 0
        printed = capsys.readouterr()
        key = printed.out.strip()
        key_id = key.split("_")[1]
        assert "valid until 2099-02-01T00:00:00Z" in printed.err
        assert key not in printed.err
        assert (await member.ask(key))[0] == 200
        assert await command("key", "revoke", ENTRY[:12], *admin) == 0
        assert capsys.readouterr().out == f"revoked {ENTRY[:12]} of home; requests under way finish\n"
        assert await command("key", "revoke", ENTRY[:12], *admin) == 0
        assert "was revoked already, at 20" in capsys.readouterr().out
        assert (await member.ask(KEY))[0] == 401
        assert await command("key", "list", *admin) == 0
        rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
        assert "file, revoked 20" in rows[ENTRY[:12]]
        assert "active" in rows[key_id]
        assert "for [tests]" in rows[key_id]
        assert await command("key", "list", "--tenant", "guests", "--json", *admin) == 0
        listed = json.loads(capsys.readouterr().out)
        assert [one["source"] for one in listed] == ["file", "issued"]
        assert await command("audit", "--since", "1h", *admin) == 0
        shown = capsys.readouterr().out
        assert "김 from 127.0.0.1" in shown
        assert "key.revoke" in shown
        assert await command("audit", "--json", *admin) == 0
        assert [one["action"] for one in json.loads(capsys.readouterr().out)] == ["key.create", "key.revoke"]


@pytest.mark.parametrize(
    ("arguments", "code", "wanted"),
    [
        (("key", "create", "--tenant", "nobody"), 2, "no tenant 'nobody': choose from home, guests"),
        (("key", "create", "--tenant", "home", "--expires", "2020-01-01"), 2, "is over, it is"),
        (("key", "create", "--tenant", "home", "--by", "x" * 65), 2, "Nlpbatch-Actor"),
        (("key", "create", "--tenant", "home"), 2, "set keys.file, or shared.url"),
        (("key", "revoke", "000000000000"), 2, "no key '000000000000'"),
        (("audit", "--since", "soon"), 2, "'soon' is no moment: give a date"),
        (("audit", "--limit", "0"), 2, "give a number from 1 to 10,000"),
    ],
)
async def test_the_command_says_what_is_wrong(arguments, code, wanted, capsys):
    async with FakeBackend() as backend, running_member(backend) as member:
        assert await command(*arguments, "--admin", member.admin_url) == code
    assert wanted in capsys.readouterr().err


async def test_a_reload_makes_the_issued_key_of_a_tenant_that_is_gone_unknown(tmp_path):
    keys = {"file": str(tmp_path / "keys.json")}
    async with FakeBackend() as backend, running_member(backend, keys=keys) as member:
        _, issued = await member.operate("POST", "/keys", json={"tenant": "guests"})
        assert (await member.ask(issued["key"]))[0] == 200
        settings = member.proxy.settings
        only_home = {"home": settings.tenants["home"]}
        await member.proxy.adopt(settings.model_copy(update={"tenants": only_home}))
        assert (await member.ask(issued["key"]))[0] == 401

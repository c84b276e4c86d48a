"""`nlpbatch proxy usage` against a running proxy's admin listener."""

import asyncio
import csv
import io
import json
from contextlib import asynccontextmanager

import pytest

from nlpbatch.cli import main as nlpbatch
from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.settings import check
from proxy.admin import admin_application
from proxy.config import ProxySettings
from proxy.main import PROXY, build_app
from proxy.traffic.ticket import Arrival
from tests.fakes.running_proxy import TENANTS


@asynccontextmanager
async def operated():
    """Run a proxy in which something was counted; yield the address of its admin listener."""
    settings = check({"backends": [{"url": "http://127.0.0.1:9"}], "tenants": TENANTS}, ProxySettings, "test")
    app = await build_app(settings)
    async with (
        running(app, EndpointSettings()),
        running(admin_application(app[PROXY]), EndpointSettings(), "admin") as listener,
    ):
        for tenant, job, size_bytes in (("home", "out-1", 1_000_000), ("home", "", 20), ("guests", "out-1", 3)):
            arrival = Arrival(tenant, "0123456789ab", job, "batch", size_bytes, 0)
            app[PROXY].ledger.analysed(arrival, size_bytes, 2, answered=True)
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def command(admin, *options):
    """Return the exit code of the command."""
    return await asyncio.to_thread(nlpbatch, ["proxy", "usage", "--admin", admin, *options])


async def test_a_table_has_a_row_for_each_tenant_the_largest_first(capsys):
    async with operated() as admin:
        assert await command(admin) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["home", "guests"]
    assert "1,000,020" in lines[2]


async def test_what_has_no_job_has_a_row_too(capsys):
    async with operated() as admin:
        assert await command(admin, "--by", "job", "--tenant", "home") == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["home", "out-1"],
        ["home", "(none)"],
    ]


async def test_programs_get_json_or_csv(capsys):
    async with operated() as admin:
        assert await command(admin, "--json", "--by", "day") == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert (row["requests"], row["documents"]) == (3, 6)
        assert await command(admin, "--csv", "--by", "key") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["tenant"], row["key"], row["analysed_bytes"]) for row in rows] == [
        ("home", "0123456789ab", "1000020"),
        ("guests", "0123456789ab", "3"),
    ]


async def test_days_without_requests_are_shown(capsys):
    async with operated() as admin:
        assert await command(admin, "--until", "2020-01-01") == 0
    assert capsys.readouterr().out == "nothing from 2020-01-01 to 2020-01-01\n"


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (("--since", "yesterday"), 2, "since='yesterday' is not a date: give year, month and day"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), 2, "is after until=2026-01-01: exchange them"),
    ],
)
async def test_what_cannot_be_asked_ends_with_the_remedy(capsys, options, code, reason):
    async with operated() as admin:
        assert await command(admin, *options) == code
    assert reason in capsys.readouterr().err


async def test_without_a_running_proxy_the_option_is_named(capsys):
    assert await command("http://127.0.0.1:9") == 1
    assert "give its admin address with --admin" in capsys.readouterr().err

"""`nlpbatch scale` as a process: a proxy's word, real commands, a real store, and a peer in the place of YARN."""

import asyncio
import json
import sys

import pytest

from nlpbatch.errors import ConfigError, ServiceUnreachable
from proxy.config_shared import SharedSettings
from proxy.scaler.lease import ScalerLease
from proxy.scaler.targets import CommandTarget, NotApplied, read_state
from proxy.shared.store import SharedStore
from tests.fakes.running_proxy import ENTRY

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"


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

    def written(file):
        return file.read_text() if file.exists() else ""

    async def until(there):
        async with asyncio.timeout(60):
            while not there():
                await asyncio.sleep(0.05)

    processes = [await start(files[0])]
    try:
        await until(lambda: written(files[0]))
        processes.append(await start(files[1]))
        assert json.loads(await asyncio.wait_for(processes[1].stderr.readline(), 60))["event"] == "waiting"
        assert not files[1].exists()
        processes[0].terminate()
        assert await asyncio.wait_for(processes[0].wait(), 60) == 0
        await until(lambda: written(files[1]))  # at once: the first has given its lease back
        assert [written(file) for file in files] == ["7\n", "7\n"]
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

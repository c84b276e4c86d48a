import asyncio
import logging
import os
import signal

import pytest

from nlpbatch.errors import ConfigError
from proxy.live import Snapshot
from proxy.metrics import Metrics
from proxy.reload import reload, reload_forever
from tests.fakes.proxy_parts import proxy_settings
from tests.fakes.virtual_time import settle, virtual_time


class Target:
    """Takes settings over, as the proxy does; raises instead if it is given an error."""

    def __init__(self, error=None):
        self.settings, self.generation, self.metrics = proxy_settings(), 1, Metrics()
        self.error = error
        self.adopted = asyncio.Event()

    async def adopt(self, settings):
        if self.error is not None:
            raise self.error
        snapshot = Snapshot.of(settings, self.generation + 1)
        self.settings, self.generation = snapshot.settings, snapshot.generation
        self.adopted.set()

    def shown(self):
        value = self.metrics.registry.get_sample_value
        return value("nlpbatch_proxy_config_generation"), value("nlpbatch_proxy_config_valid")


def raising(error):
    def read():
        raise error

    return read


@virtual_time
async def test_settings_that_are_right_are_taken_over():
    target, wanted = Target(), proxy_settings(queue={"requests": 7})
    assert await reload(target, lambda: wanted)
    assert (target.settings, target.shown()) == (wanted, (2, 1))


@pytest.mark.parametrize("error", [ConfigError("a: 1\nb: 2"), RuntimeError("…"), RecursionError()])
@virtual_time
async def test_anything_wrong_changes_nothing_and_all_of_it_is_logged(error, caplog):
    target = Target()
    before = target.settings
    with caplog.at_level(logging.ERROR):
        assert not await reload(target, raising(error))
    assert (target.settings, target.shown()) == (before, (1, 0))
    faults = caplog.records[-1].faults
    assert faults == (["a: 1", "b: 2"] if isinstance(error, ConfigError) else [type(error).__name__])


@virtual_time
async def test_the_same_again_is_no_new_generation_and_clears_the_fault():
    target = Target()
    await reload(target, raising(ConfigError("…")))
    assert await reload(target, lambda: target.settings)
    assert target.shown() == (1, 1)


@virtual_time
async def test_what_needs_a_restart_stays_as_it_was_and_is_named(caplog):
    target = Target()
    wanted = proxy_settings(listen={"port": 1}, queue={"requests": 7})
    with caplog.at_level(logging.WARNING):
        await reload(target, lambda: wanted)
    assert target.settings.listen.port == proxy_settings().listen.port
    assert target.settings.queue.requests == 7
    assert [record.groups for record in caplog.records if hasattr(record, "groups")] == [["listen"]]


@virtual_time
async def test_certificates_that_can_t_be_read_are_a_fault():
    target = Target()
    wanted = proxy_settings(upstream={"ca_file": "/nowhere/ca.pem"})
    assert not await reload(target, lambda: wanted)


@virtual_time
async def test_an_error_while_settings_are_taken_over_is_logged_without_its_text_and_changes_nothing(caplog):
    target = Target(RuntimeError("a secret"))
    before = target.settings
    with caplog.at_level(logging.ERROR):
        assert not await reload(target, lambda: proxy_settings(queue={"requests": 7}))
    assert (target.settings, target.shown()) == (before, (1, 0))
    assert caplog.records[-1].faults == ["RuntimeError"]
    assert "a secret" not in caplog.text


@virtual_time
async def test_an_error_in_a_reload_does_not_end_the_watcher(tmp_path):
    file, target = tmp_path / "proxy.toml", Target(RuntimeError())
    file.write_text("1")
    watching = asyncio.create_task(reload_forever(target, file, lambda: proxy_settings(queue={"requests": 7})))
    await asyncio.sleep(2)
    file.write_text("2")
    await asyncio.sleep(2)
    assert not watching.done()
    target.error = None
    file.write_text("3")
    async with asyncio.timeout(5):
        await target.adopted.wait()
    assert target.settings.queue.requests == 7
    watching.cancel()
    await asyncio.wait([watching])


@virtual_time
async def test_a_signal_that_comes_during_a_reload_asks_for_another_one(tmp_path):
    file, wanted = tmp_path / "proxy.toml", iter((7, 8))
    file.write_text("1")

    class SlowTarget(Target):
        async def adopt(self, settings):
            if settings.queue.requests == 7:
                os.kill(os.getpid(), signal.SIGHUP)
                await settle()
            await super().adopt(settings)

    target = SlowTarget()
    watching = asyncio.create_task(
        reload_forever(target, file, lambda: proxy_settings(queue={"requests": next(wanted)}))
    )
    await settle()
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(5)
    assert target.settings.queue.requests == 8
    watching.cancel()
    await asyncio.wait([watching])

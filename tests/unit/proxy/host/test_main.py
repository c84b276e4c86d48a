import asyncio
import os
from types import SimpleNamespace

import pytest

from nlpbatch.errors import ConfigError, ServiceUnreachable
from nlpbatch.serving import reuse_port
from nlpbatch.serving.reuse_port import check_supported
from proxy.host import main as module
from proxy.host.assignment import Assignment, check_socket_paths
from proxy.host.main import _check, process_count
from tests.fakes.proxy_parts import proxy_settings


def test_the_number_of_processes_is_a_number_or_one_for_each_core():
    assert process_count("3") == 3
    assert process_count("auto") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["0", "257", "-1", "two", "", "٣"])
def test_another_number_of_processes_is_refused(text):
    with pytest.raises(ConfigError, match=r"--processes .* is not 1 to 256, or auto"):
        process_count(text)


def test_without_a_store_several_processes_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(module, "find_program", lambda: None)
    with pytest.raises(ConfigError, match=r"--processes 2 without shared.url needs Redis or Valkey .*: install one"):
        _check(proxy_settings(), 2)


def test_a_store_that_is_configured_is_used_and_none_started(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x" * 32)
    settings = proxy_settings(shared={"url": "redis://10.0.0.9", "secret_file": str(secret)})
    assert _check(settings, 2) is None


@pytest.mark.parametrize("peer", [{"port": 8703}, {"advertise": "http://10.0.0.1:8703"}])
def test_one_address_for_the_peers_of_all_processes_is_refused(peer):
    with pytest.raises(ConfigError, match="each process has a port of its own there: leave both out"):
        _check(proxy_settings(peer=peer), 2)


def test_other_systems_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(reuse_port.sys, "platform", "darwin")
    with pytest.raises(ConfigError, match=r"--processes 2 needs Linux, this is darwin: .* one proxy for each port"):
        check_supported("--processes 2")


def test_a_worker_gets_the_settings_as_the_supervisor_has_them(tmp_path):
    settings = proxy_settings(queue={"requests": 7}, quota={"bytes_per_s": 1000})
    Assignment(settings, 3, 17).write(tmp_path)
    assert Assignment.read(tmp_path) == Assignment(settings, 3, 17)
    assert (tmp_path / "assignment.json").stat().st_mode & 0o077 == 0


def test_a_directory_too_deep_for_sockets_is_refused_with_the_remedy(tmp_path):
    check_socket_paths(tmp_path.parents[2])
    with pytest.raises(ConfigError, match="107 is the most: set TMPDIR"):
        check_socket_paths(tmp_path / ("x" * 100))


class FakeWorker:
    """A worker that joins or ends at a given look of the supervisor, and joins at once when it is started again."""

    def __init__(self, *, joins_at=None, ends_at=None):
        self.looks, self.joins_at, self.ends_at, self.starts = 0, joins_at, ends_at, 1
        self.ended = self.current = False

    def look(self):
        self.looks += 1
        self.current = self.current or self.looks == self.joins_at
        self.ended = self.ended or self.looks == self.ends_at

    def tend(self):
        if not self.ended:
            return False
        self.ended, self.current, self.starts = False, True, self.starts + 1
        return True


async def joined(monkeypatch, *workers):
    """Wait for the workers, each looked at once in every turn of the loop."""

    async def no_pause(_):
        for worker in workers:
            worker.look()

    def ignore(*_, **__):
        pass

    monkeypatch.setattr(module.asyncio, "sleep", no_pause)
    supervisor = SimpleNamespace(workers=workers, ended=ignore, started=ignore)
    return await module._joined(supervisor, asyncio.Event())


async def test_a_worker_that_ends_before_any_has_joined_ends_the_start(monkeypatch):
    with pytest.raises(ServiceUnreachable, match="a worker ended while it was started"):
        await joined(monkeypatch, FakeWorker(joins_at=3), FakeWorker(ends_at=2))


async def test_a_worker_that_ends_after_another_has_joined_is_replaced(monkeypatch):
    workers = FakeWorker(joins_at=1), FakeWorker(ends_at=2)
    assert await joined(monkeypatch, *workers)
    assert [worker.starts for worker in workers] == [1, 2]

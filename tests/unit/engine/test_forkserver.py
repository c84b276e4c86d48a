import errno
import json
import os
import selectors
import socket

import pytest

from nlpbatch.engine.forkserver import ForkServer
from nlpbatch.engine.scoreboard import Scoreboard
from tests.fakes.engine import WordEngine


@pytest.fixture
def control():
    """Both ends of a forkserver's control socket, the pool's first."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def forkserver(control):
    scoreboard = Scoreboard.create(2)
    server = ForkServer(control[1], scoreboard, WordEngine())
    yield server
    server._wake_read.close()
    server._wake_write.close()
    scoreboard.close()


def serve_once(forkserver):
    with selectors.DefaultSelector() as selector:
        selector.register(forkserver._control, selectors.EVENT_READ)
        return forkserver._serve_once(selector)


def ask_for_worker(ours, slot):
    pool, worker = socket.socketpair()
    with worker:
        socket.send_fds(ours, [json.dumps({"fork": slot}).encode() + b"\n"], [worker.fileno()])
    return pool


def test_a_system_without_room_for_a_process_refuses_the_worker_and_nothing_else(control, forkserver, monkeypatch):
    def no_room():
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_room)
    with ask_for_worker(control[0], 1) as pool:
        assert serve_once(forkserver)
        assert json.loads(control[0].recv(1000)) == {"refused": 1, "reason": "Resource temporarily unavailable"}
        assert pool.recv(1) == b""  # its end of the channel was not kept open


def test_a_forked_worker_is_announced_and_its_channel_is_closed_here(control, forkserver, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: 4711)
    forkserver._scoreboard.write(1, 5, 3, 1)
    with ask_for_worker(control[0], 1) as pool:
        assert serve_once(forkserver)
        assert json.loads(control[0].recv(1000)) == {"forked": 1, "pid": 4711}
        assert pool.recv(1) == b""
    assert forkserver._scoreboard.read(1).job_id == 0  # else it would be blamed for its predecessor's document


def test_several_requests_are_served_one_by_one(control, forkserver, monkeypatch):
    pids = iter((1, 2))
    monkeypatch.setattr(os, "fork", lambda: next(pids))
    with ask_for_worker(control[0], 0), ask_for_worker(control[0], 1):
        assert serve_once(forkserver)
        assert serve_once(forkserver)
    said = [json.loads(line) for line in control[0].recv(1000).splitlines()]
    assert said == [{"forked": 0, "pid": 1}, {"forked": 1, "pid": 2}]


def test_it_ends_when_the_pool_closes_the_socket(control, forkserver):
    control[0].close()
    assert not serve_once(forkserver)


def test_it_ends_too_when_the_pool_has_not_read_all_before_it_closed(control, forkserver):
    control[1].sendall(b'{"exited": 1, "status": -9}\n')
    control[0].close()
    assert not serve_once(forkserver)

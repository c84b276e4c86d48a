"""Several listeners on one port, of which one goes while callers connect."""

import asyncio
import socket
import time

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.serving.reuse_port import close_without_loss, reserved


async def listen(port, name):
    async def serve(reader, writer):
        writer.write(name)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port, reuse_port=True, backlog=4096)


async def test_no_connection_is_reset_when_one_of_two_stops_listening():
    met, stopping = [], asyncio.Event()

    async def connect(port):
        while not stopping.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            met.append((time.monotonic(), await reader.read()))
            writer.close()
            await writer.wait_closed()

    with reserved("127.0.0.1", 0) as port:
        leaving, staying = await listen(port, b"leaving"), await listen(port, b"staying")
        callers = [asyncio.create_task(connect(port)) for _ in range(32)]
        await asyncio.sleep(0.3)
        await close_without_loss(leaving)
        closed_s = time.monotonic()
        await asyncio.sleep(1.5)
        stopping.set()
        await asyncio.gather(*callers)  # raises what any of them met
        staying.close()
    assert {name for _, name in met} == {b"leaving", b"staying"}
    assert {name for at_s, name in met if at_s > closed_s + 0.2} == {b"staying"}


def test_a_free_port_is_kept_and_may_be_shared():
    with reserved("127.0.0.1", 0) as port, reserved("127.0.0.1", port) as again, reserved("127.0.0.1", 0) as other:
        assert (again == port, other == port) == (True, False)


def test_a_port_that_another_has_for_itself_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"can't listen on 127.0.0.1:{port}: .*: choose another port"),
            reserved("127.0.0.1", port),
        ):
            pass


def test_a_name_that_has_no_address_is_refused():
    with pytest.raises(ConfigError, match=r"can't listen on nowhere\.invalid:0"), reserved("nowhere.invalid", 0):
        pass

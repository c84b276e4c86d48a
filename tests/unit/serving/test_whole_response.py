import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request

from nlpbatch.serving.whole_response import WholeResponse


class Transport(asyncio.Transport):
    """Remembers each write."""

    def __init__(self):
        super().__init__()
        self.written = []

    def write(self, data):
        self.written.append(bytes(data))

    def writelines(self, list_of_data):
        self.written.append(b"".join(list_of_data))


def sent(response, *, closing=False):
    """Return what went out, as head and body, and how many writes it took."""
    request, transport = make_mocked_request("POST", "/v1/analyze", closing=closing), Transport()
    request.writer.output_size = 0
    assert response.applies(request)
    response.send(request, transport)
    head, _, body = b"".join(transport.written).partition(b"\r\n\r\n")
    assert request.writer.output_size == len(head) + 4 + len(body)
    return head.decode().split("\r\n"), body, len(transport.written)


@pytest.mark.parametrize("size_bytes", [0, 5, 150_000])
async def test_head_and_body_leave_in_one_write(size_bytes):
    head, body, writes = sent(WholeResponse(status=201, headers={"A": "1"}, body=b"x" * size_bytes))
    assert (head[0], body, writes) == ("HTTP/1.1 201 Created", b"x" * size_bytes, 1)
    assert {"A: 1", f"Content-Length: {size_bytes}"} < set(head)
    assert ("Content-Type: application/octet-stream" in head) == (size_bytes > 0)
    assert [line.partition(":")[0] for line in head[-2:]] == ["Date", "Server"]


async def test_a_connection_stays_open_unless_either_side_closes_it():
    given = WholeResponse(body=b"")
    assert "Connection: close" not in sent(given)[0]
    assert given.keep_alive
    by_caller = WholeResponse(body=b"")
    assert "Connection: close" in sent(by_caller, closing=True)[0]
    by_service = WholeResponse(body=b"")
    by_service.force_close()
    assert "Connection: close" in sent(by_service)[0]
    assert not by_caller.keep_alive
    assert not by_service.keep_alive


async def test_afterwards_there_is_nothing_left_to_send():
    response = WholeResponse(body=b"x")
    sent(response)
    request = make_mocked_request("POST", "/")
    assert response.prepared
    assert not response.applies(request)
    assert await response.prepare(request) is None
    await response.write_eof()


@pytest.mark.parametrize(
    ("method", "version", "status"),
    [("HEAD", (1, 1), 200), ("POST", (1, 0), 200), ("POST", (1, 1), 204), ("POST", (1, 1), 304)],
)
async def test_what_has_rules_of_its_own_is_left_to_aiohttp(method, version, status):
    request = make_mocked_request(method, "/", version=version)
    assert not WholeResponse(status=status, body=b"").applies(request)


@pytest.mark.parametrize("value", ["a\r\nB: 2", "a\nB: 2", "a\rB: 2"])
async def test_a_header_cannot_smuggle_in_another_one(value):
    with pytest.raises(ValueError, match="line break"):
        sent(WholeResponse(headers={"A": value}, body=b""))

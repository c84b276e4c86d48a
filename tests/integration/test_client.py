"""Both clients against a real peer on loopback: what only sockets can show."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from nlpbatch import AsyncClient, Client, RetryPolicy, errors
from nlpbatch.client.bulk import PART_DOCUMENTS
from nlpbatch.wire.arrow import fingerprint_of
from nlpbatch.wire.media import JSON
from tests.fakes.service import (
    FINGERPRINT,
    ScriptedService,
    analysis,
    answer_bytes,
    drip,
    drop,
    hang,
    late_reader,
    problem,
    raw,
    refuse_unread,
    reply,
)

QUICK = RetryPolicy(attempt_timeout_s=0.3, connect_timeout_s=0.3, patience_s=0.8, backoff_base_s=0.02)
PATIENT = RetryPolicy(patience_s=10, backoff_base_s=0.02)
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"
LARGE = ["가" * 6000] * 600  # 11 MB: more than the sockets' buffers hold


class Caller:
    """Makes either client, does the calls one after another, closes it; keeps the figures."""

    def __init__(self, kind):
        self._call = self._sync if kind == "sync" else self._async
        self.stats = None

    def __call__(self, url, *calls, **arguments):
        results = self._call(url, calls, {"retry": PATIENT} | arguments)
        return results[0] if len(calls) == 1 else results

    def _sync(self, url, calls, arguments):
        with Client(url, **arguments) as client:
            try:
                return [getattr(client, method)(*given, **named) for method, given, named in calls]
            finally:
                self.stats = client.stats.snapshot()

    def _async(self, url, calls, arguments):
        async def run():
            async with AsyncClient(url, **arguments) as client:
                try:
                    return [await getattr(client, method)(*given, **named) for method, given, named in calls]
                finally:
                    self.stats = client.stats.snapshot()

        return asyncio.run(run())


@pytest.fixture(params=["sync", "async"])
def caller(request):
    return Caller(request.param)


def analyze(texts, **named):
    return "analyze", (texts,), named


def test_texts_are_analysed_in_json(caller):
    with ScriptedService(analysis()) as service:
        result = caller(service.url, analyze(["가나 다라", None, ""]))
    assert [token.form for token in result[0].tokens] == ["가나", "다라"]
    assert (result[1].tokens, result[2].tokens) == (None, ())
    assert result.fingerprint == FINGERPRINT


def test_texts_are_analysed_in_arrow(caller):
    with ScriptedService(analysis()) as service:
        table = caller(service.url, ("analyze_arrow", (pa.array(["가나 다라", None]),), {"fields": ("form", "end")}))
    assert table["tokens"].to_pylist() == [[{"form": "가나", "end": 2}, {"form": "다라", "end": 5}], None]
    assert fingerprint_of(table) == FINGERPRINT


def test_the_catalogue_is_read(caller):
    with ScriptedService(analysis()) as service:
        assert caller(service.url, ("analyzers", (), {})).limits.body_bytes == 1000


def test_requests_one_after_another_share_a_connection(caller):
    with ScriptedService(analysis()) as service:
        caller(service.url, analyze("가"), analyze("나"), analyze("다"))
        assert (service.connections, len(service.exchanges)) == (1, 3)


def test_a_refusal_keeps_the_connection_too(caller):
    with ScriptedService(problem(errors.QueueFull("…", retry_after_s=0.01)), analysis()) as service:
        caller(service.url, analyze("가"))
        assert (service.connections, len(service.exchanges)) == (1, 2)
    assert caller.stats.throttled_s >= 0.01


@pytest.mark.parametrize(
    "failure",
    [
        drop(),
        drop(reset=True),
        raw(CHUNKED),
        raw(answer_bytes(200, b"x" * 1000, JSON)[:-500]),
        raw(b"HTTP/1.1 200 OK\r\nContent-Ty"),
        problem(errors.Draining("…", retry_after_s=0.01)),
        reply(503, headers={"Retry-After": "0"}),
        reply(500),
    ],
    ids=["dropped", "reset", "cut chunk", "cut body", "cut head", "draining", "bare 503", "bare 500"],
)
def test_a_passing_failure_is_not_noticed_by_the_caller(caller, failure):
    with ScriptedService(failure, analysis()) as service:
        assert len(caller(service.url, analyze("가"))) == 1
        assert len({exchange.headers["X-Request-Id"] for exchange in service.exchanges}) == 1
    assert (caller.stats.requests, caller.stats.retries) == (1, 1)


@pytest.mark.parametrize("failure", [hang(), drip(0.01)], ids=["silence", "a byte at a time"])
def test_a_service_that_does_not_finish_is_given_up_when_the_patience_ends(caller, failure):
    began_s = time.monotonic()
    with (
        ScriptedService(failure) as service,
        pytest.raises(errors.PatienceExhausted, match=r"service_timeout: no complete answer from http://127\.0\.0\.1"),
    ):
        caller(service.url, analyze("가"), retry=QUICK)
    assert time.monotonic() - began_s < 2 * (QUICK.patience_s + QUICK.connect_timeout_s)
    assert caller.stats.retries >= 1


def test_a_service_that_is_not_there_is_named_with_the_reason(caller):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(errors.PatienceExhausted, match=r"service_unreachable: .*refused") as caught:
            caller(url, analyze("가"), retry=QUICK)
    assert caught.value.message.count(url) == 2
    assert isinstance(caught.value.__cause__, errors.ServiceUnreachable)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "is not HTTP"),
        (reply(200, b"<html>", "text/html"), "answered with text/html"),
        (reply(302, headers={"Location": "/login"}), "redirect to '/login'"),
    ],
    ids=["not HTTP", "a page", "a redirect"],
)
def test_a_stranger_at_the_address_is_not_asked_twice(caller, step, why):
    with ScriptedService(step, analysis()) as service:
        with pytest.raises(errors.UnexpectedAnswer, match=why):
            caller(service.url, analyze("가"))
        assert len(service.exchanges) == 1


def test_https_to_a_port_that_speaks_http_is_not_tried_twice(caller):
    with (
        ScriptedService(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as service,
        pytest.raises(errors.UnexpectedAnswer, match="no secure connection to https://"),
    ):
        caller(service.url.replace("http:", "https:"), analyze("가"))


def test_a_large_body_may_wait_unread_for_longer_than_connecting_may_take(caller):
    """A proxy that keeps a request in its queue doesn't read the body."""
    policy = RetryPolicy(connect_timeout_s=0.2, attempt_timeout_s=30, patience_s=5)
    with ScriptedService(late_reader(0.6)) as service:
        call = ("analyze_arrow", (pa.array(LARGE),), {"fields": "len"})
        assert len(caller(service.url, call, retry=policy)) == len(LARGE)
    assert caller.stats.retries == 0


def test_an_answer_that_comes_before_the_body_was_read_is_understood(caller):
    with ScriptedService(refuse_unread(413)) as service, pytest.raises(errors.RequestTooLarge):
        caller(service.url, analyze(LARGE), retry=PATIENT)


def test_a_connection_that_the_service_closed_meanwhile_is_replaced(caller):
    def answer_then_close(exchange):
        analysis()(exchange)
        exchange.hang_up()

    with ScriptedService(answer_then_close, analysis()) as service:
        caller(service.url, analyze("가"), analyze("나"))
        assert service.connections == 2


def test_threads_share_a_client_and_its_connections():
    texts = [f"글 {number}" for number in range(40)]
    with (
        ScriptedService(problem(errors.QueueFull("…", retry_after_s=0.0)), drop(), analysis()) as service,
        Client(service.url, pool_size=4, retry=PATIENT) as client,
        ThreadPoolExecutor(12) as threads,
    ):
        results = list(threads.map(client.analyze, texts))
        assert service.connections <= 4 + 1  # one was dropped
        assert client.stats.snapshot().requests == 40
        assert client.stats.snapshot().retries == 2
    assert [result[0].tokens[1].form for result in results] == [str(number) for number in range(40)]


async def test_tasks_share_a_client_and_its_connections():
    with ScriptedService(analysis()) as service:
        async with AsyncClient(service.url, retry=PATIENT, pool_size=4) as client:
            results = await asyncio.gather(*(client.analyze(f"글 {number}") for number in range(40)))
        assert service.connections <= 4
    assert [result[0].tokens[1].form for result in results] == [str(number) for number in range(40)]


async def test_a_cancelled_call_leaves_a_client_that_works():
    with ScriptedService(hang(), analysis()) as service:
        async with AsyncClient(service.url) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.analyze("가")
            assert len(await client.analyze("나")) == 1


TEXTS = [f"{number} 글" for number in range(6 * PART_DOCUMENTS)]


def test_more_texts_than_a_request_may_have_are_answered_in_order(caller):
    with ScriptedService(analysis()) as service:
        result = caller(service.url, analyze(TEXTS))
    assert [outcome.tokens[0].form for outcome in result] == [text.split()[0] for text in TEXTS]


def test_a_closed_client_says_so():
    with ScriptedService(analysis()) as service:
        client = Client(service.url)
        client.analyze("가")
        client.close()
        with pytest.raises(RuntimeError, match="this client is closed"):
            client.analyze("가")


async def test_a_closed_async_client_says_so():
    with ScriptedService(analysis()) as service:
        async with AsyncClient(service.url) as client:
            await client.analyze("가")
        with pytest.raises(RuntimeError, match="this client is closed"):
            await client.analyze("가")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_is_spoken_to(caller):
    with socket.socket(socket.AF_INET6) as unused:
        try:
            unused.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        url = f"http://[::1]:{unused.getsockname()[1]}"
        with pytest.raises(errors.PatienceExhausted, match="refused"):
            caller(url, analyze("가"), retry=QUICK)

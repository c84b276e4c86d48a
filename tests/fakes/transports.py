"""Transports that play a script instead of sending, and a driver that calls either client as if it were blocking."""

import asyncio
import json

from nlpbatch.client.aio import AsyncClient
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.client.streams import AsyncOutcomeStream
from nlpbatch.client.sync import Client
from nlpbatch.errors import QueueFull, RequestTooLarge
from nlpbatch.wire.media import ANALYZERS_PATH, JSON, PROBLEM_JSON
from nlpbatch.wire.problem import to_problem
from tests.fakes.clock import FakeClock

URL = "http://proxy.example:8700"
NOTHING = {"tokens": None, "error": None}
"""The outcome of a null text."""
EMPTY = {"tokens": [], "error": None}
"""The outcome of a text without tokens."""
FULL = QueueFull("too much waits", retry_after_s=2.0)


class ScriptedTransport:
    """Answers each attempt with the next step, then for ever with the last; keeps what was sent."""

    def __init__(self, clock, steps):
        self._clock = clock
        self._steps = list(steps)
        self.attempts = []
        self.closed = False

    @property
    def requests(self):
        """The request of each attempt."""
        return [attempt.request for attempt in self.attempts]

    @property
    def timeouts_s(self):
        return [attempt.timeout_s for attempt in self.attempts]

    @property
    def urls(self):
        """The address of each attempt."""
        return [attempt.address.url for attempt in self.attempts]

    def send(self, attempt):
        self.attempts.append(attempt)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise type(step)(*step.args)
        return step(attempt.request) if callable(step) else step

    def close(self):
        self.closed = True


class AsyncScriptedTransport(ScriptedTransport):
    async def send(self, attempt):
        return super().send(attempt)

    async def close(self):
        super().close()


class Driver:
    """Calls either client as if it were the blocking one."""

    def __init__(self, kind, *steps, service=URL, **arguments):
        self.clock = FakeClock()
        arguments = {"clock": self.clock, "chance": lambda: 0.5} | arguments
        if kind == "sync":
            self.client = Client(service, **arguments)
            self.transport = ScriptedTransport(self.clock, steps)
        else:
            self.client = AsyncClient(service, **arguments)
            self.client._sleep = self.clock.sleep_async
            self.transport = AsyncScriptedTransport(self.clock, steps)
        self.client._transport = self.transport

    def __getattr__(self, method):
        def call(*args, **kwargs):
            result = getattr(self.client, method)(*args, **kwargs)
            if isinstance(result, AsyncOutcomeStream):
                return _Blocking(result)
            return asyncio.run(result) if asyncio.iscoroutine(result) else result

        return call

    @property
    def stats(self):
        return self.client.stats.snapshot()


def answer(*outcomes, fingerprint="f1"):
    members = {"analyzer": "default", "fingerprint": fingerprint, "outcomes": list(outcomes)}
    return HttpAnswer(200, {"Content-Type": f"{JSON}; charset=utf-8"}, json.dumps(members).encode())


def problem(error):
    members = to_problem(error)
    return HttpAnswer(members["status"], {"Content-Type": PROBLEM_JSON}, json.dumps(members).encode())


class _Blocking:
    """An asynchronous stream, read as if it were a blocking one."""

    def __init__(self, stream):
        self._stream = stream
        self._runner = asyncio.Runner()

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self._run(anext(self._stream))
        except StopAsyncIteration:
            raise StopIteration from None

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def close(self):
        self._run(self._stream.aclose())
        self._runner.close()

    def _run(self, awaitable):
        async def run():
            return await awaitable

        try:
            return self._runner.run(run())
        except Exception:
            self._runner.close()
            self._runner = asyncio.Runner()
            raise


def honest(*, body_bytes=8 * 1024 * 1024, documents=10_000, text_bytes=1024 * 1024, fingerprint="f1"):
    """Return a step that answers every text with itself as its only token, and keeps to limits."""

    def step(request):
        if request.target == ANALYZERS_PATH:
            limits = {"body_bytes": body_bytes, "documents": documents, "text_bytes": text_bytes}
            return HttpAnswer(200, {"Content-Type": JSON}, json.dumps({"analyzers": [], "limits": limits}).encode())
        texts = json.loads(request.body)["texts"]
        if len(request.body) > body_bytes or len(texts) > documents:
            return problem(RequestTooLarge("the request is too large"))
        outcomes = [
            {"tokens": None if text is None else [{"form": text, "tag": "NNG", "start": 0, "end": 1}], "error": None}
            for text in texts
        ]
        return answer(*outcomes, fingerprint=fingerprint)

    return step

"""Read by mypy, never run: what the public API promises to a type checker."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, assert_type

import nlpbatch
from nlpbatch import (
    Analysis,
    AsyncClient,
    AsyncOutcomeStream,
    Client,
    DocumentError,
    NlpbatchError,
    Outcome,
    OutcomeStream,
    RetryPolicy,
    Token,
)
from nlpbatch.client.stats import ClientStats
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.caller_limits import CallerLimits
from nlpbatch.wire.limits import SizeLimits


def blocking() -> None:
    policy = RetryPolicy(patience_s=60, internal_attempts=2)
    with Client("http://proxy:8700", api_key="k", retry=policy, job="j", priority="u=6", pool_size=4) as client:
        assert_type(client, Client)
        assert_type(client.analyze("가"), Analysis)
        assert_type(client.analyze(["가", None]), Analysis)
        assert_type(client.analyze(("가", None)), Analysis)
        assert_type(client.analyze({"가"}), Analysis)
        assert_type(client.analyze(text for text in ("가",)), OutcomeStream)
        assert_type(client.analyze(iter(["가", None]), progress=True), OutcomeStream)
        assert_type(next(client.sentences(iter(["가"]))), Outcome)
        assert_type(client.space(["가"], reset_whitespace=True), Analysis)
        assert_type(client.join([[("가", "NNG")]], return_positions=True), Analysis)
        assert_type(client.glue(iter([["가", "나"]])), OutcomeStream)
        assert_type(client.limits(), CallerLimits)
        assert_type(client.analyze("가", analyzer="default", fields=("form",), if_match="f"), Analysis)
        assert_type(client.analyze("가", typos="basic", stopwords=["이/VCP"], pretokenized=[[(0, 1)]]), Analysis)
        assert_type(client.sentences("가", return_tokens=True, fields=["form"]), Analysis)
        assert_type(client.join([[("덥", "VA"), ("어", "EC")], None], return_positions=True), Analysis)
        assert_type(client.glue([["그 봉", "지"], None], insert_new_lines=[[True, False], None]), Analysis)
        assert_type(client.call(["가"], analyzer="own", operation="size"), Analysis)
        assert_type(client.call(iter(["가"]), analyzer="own"), OutcomeStream)
        assert_type(client.analyzers(), Catalogue)
        assert_type(client.stats.snapshot(), ClientStats)
        assert_type(client.stats.snapshot().throttled_s, float)
        assert_type(client.stats.snapshot().moves, int)
        assert_type(client.service, str)
    with Client(["http://a:8700", "http://b:8700"]) as client:
        assert_type(client, Client)


async def texts() -> AsyncIterator[str | None]:
    yield "가"


async def asynchronous() -> None:
    async with AsyncClient("http://proxy:8700", api_key=None, retry=RetryPolicy()) as client:
        assert_type(client, AsyncClient)
        assert_type(await client.analyze(["가", None], fields=["form"]), Analysis)
        assert_type(await client.analyzers(), Catalogue)
        assert_type(client.analyze(iter(["가", None])), AsyncOutcomeStream)
        assert_type(client.analyze(texts()), AsyncOutcomeStream)
        assert_type([outcome async for outcome in client.space(texts())], list[Outcome])
        assert_type(await client.join([[("가", "NNG")]]), Analysis)
        assert_type(await client.call(["가"], analyzer="own", operation="size"), Analysis)
        assert_type(client.call(texts(), analyzer="own"), AsyncOutcomeStream)
        assert_type(client.glue(iter([["가", "나"]])), AsyncOutcomeStream)
        assert_type(await client.limits(), CallerLimits)
        assert_type(client.stats.snapshot().requests, int)


def values(analysis: Analysis, catalogue: Catalogue) -> None:
    assert_type(analysis.fingerprint, str)
    assert_type(analysis[0], Outcome)
    assert_type(analysis[:2], tuple[Outcome, ...])
    assert_type(iter(analysis), Iterator[Outcome])
    for outcome in analysis:
        assert_type(outcome.error, DocumentError | None)
        for token in outcome.tokens or ():
            assert_type(token, Token)
            assert_type(token.form, str)
            assert_type(token.start, int)
            assert_type(token.script, str | None)
            assert_type(token.as_dict(), dict[str, Any])
    assert_type(catalogue.get("default"), AnalyzerInfo | None)
    assert_type(catalogue.limits, SizeLimits)
    assert_type(catalogue.analyzers[0].options, Mapping[str, Any])


def failures(error: NlpbatchError) -> None:
    assert_type(error.code, str)
    assert_type(error.retryable, bool)
    assert_type(error.retry_after_s, float | None)
    assert_type(error.request_id, str | None)
    assert_type(nlpbatch.__version__, str)


def mistakes(client: Client, outcome: Outcome) -> None:
    client.analyze(b"bytes")  # type: ignore[arg-type]
    client.analyze([1, 2])  # type: ignore[list-item]
    client.analyze("가", "default")  # type: ignore[call-overload]
    client.analyze("가", analyser="default")  # type: ignore[call-overload]
    client.call("가", operation="size")  # type: ignore[call-overload]
    Client()  # type: ignore[call-arg]
    Client("http://proxy", "key")  # type: ignore[call-arg]
    Client("http://proxy", priority=6)  # type: ignore[arg-type]
    RetryPolicy(patience="60")  # type: ignore[call-arg]
    RetryPolicy().patience_s = 5  # type: ignore[misc]
    print(outcome.error.code)  # type: ignore[union-attr]

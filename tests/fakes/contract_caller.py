"""What a caller of the service does, by names that all releases have; prints what came of it as one line of JSON.

    python contract_caller.py

Run with PYTHONPATH at the release whose clients shall call.
"""

import asyncio
import json
import os
import sys

import pyarrow as pa

import nlpbatch
from nlpbatch import AsyncClient, Client
from nlpbatch.errors import FingerprintMismatch, NlpbatchError

URL, KEY = os.environ["NLPBATCH_SERVICE"], os.environ["NLPBATCH_API_KEY"]
TEXTS = ["아버지가 방에 들어가신다.", None, "", "값이 싸고 좋아요 😀", "\ud800"]


def outcomes(analysis):
    """Return an analysis as JSON."""
    return [
        [
            None if one.tokens is None else [[token.form, token.tag, token.start, token.end] for token in one.tokens],
            one.error and one.error.code,
        ]
        for one in analysis
    ]


def refused(call):
    """Return the class, code and Retry-After of the error that a call raises."""
    try:
        call()
    except NlpbatchError as error:
        return [type(error).__name__, error.code, error.retryable, error.request_id is not None]
    return None


async def asynchronous():
    """Return what the asyncio client answers."""
    async with AsyncClient(URL, api_key=KEY) as client:
        analysis = await client.analyze(TEXTS)
        return outcomes(analysis), analysis.fingerprint


def main() -> None:
    """Call and print."""
    with Client(URL, api_key=KEY, job="contract") as client:
        analysis = client.analyze(TEXTS)
        table = client.analyze_arrow(pa.array(TEXTS[:4]))
        asked = pa.array(["좋아요"])
        # The same again: the proxy answers a pinned request by its Idempotency-Key.
        pinned = [client.analyze_arrow(asked, if_match=analysis.fingerprint).to_pylist() for _ in range(2)]
        catalogue = client.analyzers()
        found = {
            "version": nlpbatch.__version__,
            "json": outcomes(analysis),
            "fingerprint": analysis.fingerprint,
            "asynchronous": asyncio.run(asynchronous()),
            "arrow": [table.schema.remove_metadata().to_string(), table.to_pylist()],
            "pinned": pinned,
            "sentences": [[one.text for one in row.sentences] for row in client.sentences(["하나다. 둘이다."])],
            "space": client.space(["아버지가방에들어가신다."])[0].text,
            "analyzers": [[one.name, one.fingerprint, list(one.fields)] for one in catalogue.analyzers],
            "usage": [client.usage("contract").analysed, client.usage("contract").replayed],
            "refused": {
                "pin": refused(lambda: client.analyze_arrow(pa.array(["좋아요"]), if_match="0" * 32)),
                "analyzer": refused(lambda: client.analyze(["좋아요"], analyzer="other")),
                "tag": refused(lambda: client.analyze_arrow(pa.array(["좋아요"]), blocklist=["x/NOPE"])),
                "key": refused(lambda: Client(URL, api_key="nobody").analyze(["좋아요"])),
            },
        }
    assert FingerprintMismatch.code == found["refused"]["pin"][1]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

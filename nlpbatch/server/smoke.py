"""Plain sentences that a new version of an analyzer must answer before it goes into service."""

import json

import pyarrow as pa

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.pool import WorkerPool
from nlpbatch.errors import ConfigError
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import trials

_SENTENCES = (
    "아버지가 방에 들어가신다.",
    "오늘은 날씨가 좋아서 친구와 산에 갔다!",
    "이 영화 진짜 재밌었어요ㅋㅋㅋ 강추합니다 👍",
    "2026년 11월 23일, 서울특별시에서 1,234명이 모였다.",
    "https://example.com 에서 me@example.com 으로 문의하세요.",
    "먹었엌ㅋㅋ 왜케 웃겨",
    "漢字와 English가 섞인 문장도 있다.",
    "띄어쓰기가안된문장도있습니다",
)
_BLANK = ("", " \n\t")


async def check(pool: WorkerPool, info: AnalyzerInfo) -> None:
    """Have the sentences answered: analysed by an engine that has tokens, else by each of its operations.

    Raises:
        ConfigError: One of them has an error; of functions of one's own, all have, for they may refuse some.

    """
    for options in trials(info.operations):
        texts = _SENTENCES if options.operation == "call" else (*_SENTENCES, *_BLANK)
        documents = pa.array([text.encode() for text in texts], pa.binary())
        answer = await pool.analyze(documents, encoding="json", options=options, urgent=True)
        if options.operation == "call":
            _check_call(options, answer, len(texts))
        else:
            _check_tokens(answer, len(texts))


def _check_tokens(answer: PoolAnswer, count: int) -> None:
    if answer.errors:
        codes = ", ".join(f"{count} {code}" for code, count in answer.errors.items())
        raise ConfigError(f"{codes} in {count} plain sentences: look for a word or pattern that is too general")
    if not answer.tokens:
        raise ConfigError("plain sentences have no tokens: look for a pattern that is too general")


def _check_call(options: Options, answer: PoolAnswer, count: int) -> None:
    if sum(answer.errors.values()) < count:
        return
    outcomes = json.loads(b"".join((b"[", b",".join(answer.bodies), b"]")))
    raise ConfigError(
        f"operation {options.called} fails on each of {count} plain sentences: {outcomes[0]['error']['message']}"
    )

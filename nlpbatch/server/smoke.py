"""Plain sentences that a new version of an analyzer must analyse before it goes into service."""

import pyarrow as pa

from nlpbatch.engine.pool import WorkerPool
from nlpbatch.errors import ConfigError
from nlpbatch.wire.options import Options

_TEXTS = (
    "아버지가 방에 들어가신다.",
    "오늘은 날씨가 좋아서 친구와 산에 갔다!",
    "이 영화 진짜 재밌었어요ㅋㅋㅋ 강추합니다 👍",
    "2026년 11월 23일, 서울특별시에서 1,234명이 모였다.",
    "https://example.com 에서 me@example.com 으로 문의하세요.",
    "먹었엌ㅋㅋ 왜케 웃겨",
    "漢字와 English가 섞인 문장도 있다.",
    "띄어쓰기가안된문장도있습니다",
    "",
    " \n\t",
)


async def check(pool: WorkerPool) -> None:
    """Analyse the sentences.

    Raises:
        ConfigError: One of them has an error.

    """
    documents = pa.array([text.encode() for text in _TEXTS], pa.binary())
    answer = await pool.analyze(documents, encoding="json", options=Options(), urgent=True)
    if answer.errors:
        codes = ", ".join(f"{count} {code}" for code, count in answer.errors.items())
        raise ConfigError(f"{codes} in {len(_TEXTS)} plain sentences: look for a word or pattern that is too general")
    if not answer.tokens:
        raise ConfigError("plain sentences have no tokens: look for a pattern that is too general")

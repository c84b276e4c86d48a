"""What every Spark has to come to: the answers of the blocking client, and the counts that follow from the texts."""

import json
from dataclasses import dataclass
from typing import Any

from nlpbatch import Client
from nlpbatch.cli.stack import Stack
from nlpbatch.wire.fields import DEFAULT_FIELDS

TEXTS = [
    "영화가 정말 재미있었다.",
    "배우들의 연기는 훌륭했지만 이야기가 아쉬웠어요. 그래도 볼만합니다!",
    None,
    "아버지가방에들어가신다",
    "Spark 4.3에서도 3.5에서도 같은 결과 😀 가 나와야 한다",
    "ㅋㅋㅋ 진짜 최고",
    "처음부터 끝까지 눈을 뗄 수 없었다, 한 번 더 보고 싶다",
]
FILES = 5
"""Of the input of the job that is killed; each has all texts."""
TOO_LARGE = "text_too_large"
MAY_REFUSE = {"interval", "variant", "recipe"}
"""Parts that a Spark may refuse, with the reason."""
MUST_REFUSE = {"wrong column": "did you mean text?", "job in Connect": "Spark Connect"}
"""Parts that each Spark has to refuse, with a part of the message."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a part of a trial came to.

    Args:
        state: "works", "refused", "wrong" or "not tried".
        note: nlpbatch's message, what came instead, or why it wasn't tried.

    """

    state: str
    note: str = ""


def expected_answers(stack: Stack) -> dict[str, Any]:
    """Return what the parts of a scenario have to find, by their names; `interval` and `variant` are free."""
    with Client(stack.service, api_key=stack.api_key) as client:
        analyzed = list(client.analyze(TEXTS))
        split = list(client.sentences(TEXTS))
        spaced = list(client.space(TEXTS, reset_whitespace=True))
        morphemes = [one.tokens and [(token.form, token.tag) for token in one.tokens] for one in analyzed]
        joined = list(client.join(morphemes))
        glued = list(client.glue([text and text.split(" ") for text in TEXTS]))
    tokens = [
        one.tokens and [[getattr(token, name) for name in DEFAULT_FIELDS] for token in one.tokens] for one in analyzed
    ]
    present = [one for one in tokens if one is not None]
    job = {"rows": len(present), "dead": 0, "tokens": sorted(json.dumps(one, ensure_ascii=False) for one in present)}
    return {
        "analyze": tokens,
        "sentences": [one.sentences and [[s.start, s.end, s.text] for s in one.sentences] for one in split],
        "space": [one.text for one in spaced],
        "join": [one.text for one in joined],
        "glue": [one.text for one in glued],
        "arrays": [[one, one] for one in tokens],
        "failed rows": [None, TOO_LARGE, None],
        "types": [],
        "resume": {"rows": FILES * len(TEXTS), "dead": 0, "attempts": 2, "batches": FILES},
        **dict.fromkeys(("json", "csv", "text", "orc"), job),
        "spark writes": True,
        "replay": {"dead": 1, "errors": {TOO_LARGE: 1}, "recovered": 1, "ids": [0, 1, 2]},
        "recipe": True,
    }


def judge(name: str, answer: dict[str, Any], expected: dict[str, Any]) -> Verdict:
    """Return the verdict on a part of a scenario."""
    if "broke" in answer:
        return Verdict("wrong", answer["broke"])
    if "refused" in answer:
        message = answer["refused"]
        right = name in MAY_REFUSE or (name in MUST_REFUSE and MUST_REFUSE[name] in message)
        return Verdict("refused" if right else "wrong", message)
    if name in MUST_REFUSE:
        return Verdict("wrong", f"it isn't refused: {answer['found']}")
    if name not in MAY_REFUSE and answer["found"] != expected[name]:
        return Verdict("wrong", f"{answer['found']} instead of {expected[name]}")
    return Verdict("works")

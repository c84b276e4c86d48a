import json
import unicodedata
from collections import Counter

import pytest

from nlpbatch.demo.source import DOCUMENTS, to_parquet


@pytest.fixture(scope="module")
def documents():
    return [json.loads(line) for line in DOCUMENTS.read_text(encoding="utf-8").splitlines()]


def test_every_line_is_a_document_with_id_kind_and_text(documents):
    assert all(set(document) == {"id", "kind", "text"} for document in documents)
    assert [document["id"] for document in documents] == list(range(1, len(documents) + 1))


def test_they_are_of_many_kinds_and_lengths(documents):
    kinds = Counter(document["kind"] for document in documents)
    assert len(kinds) >= 10
    lengths = [len(document["text"] or "") for document in documents]
    assert min(lengths) == 0
    assert max(lengths) >= 60


def test_no_text_occurs_twice_except_to_show_that_it_may(documents):
    texts = [document["text"] for document in documents if document["kind"] != "repeat"]
    assert len(texts) == len(set(texts))
    repeated = [document["text"] for document in documents if document["kind"] == "repeat"]
    assert len(repeated) > len(set(repeated))


def test_they_show_null_blank_lines_emoji_hanja_and_latin(documents):
    texts = [document["text"] for document in documents]
    assert None in texts
    assert any(text is not None and not text.strip() for text in texts)
    assert any("\n" in (text or "") for text in texts)
    marks = "".join(filter(None, texts))
    assert any(unicodedata.category(mark) == "So" for mark in marks)
    assert any("CJK UNIFIED" in unicodedata.name(mark, "") for mark in marks)
    assert any("LATIN" in unicodedata.name(mark, "") for mark in marks)


def test_most_are_korean(documents):
    korean = sum(any("가" <= mark <= "힣" for mark in document["text"] or "") for document in documents)
    assert korean / len(documents) > 0.8


def test_the_demo_can_read_them(documents, tmp_path):
    assert to_parquet(DOCUMENTS, "text", tmp_path / "documents.parquet") == len(documents)

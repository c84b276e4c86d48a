import pytest

from nlpbatch.wire.tags import TAG_TABLE, TAGS, split_morpheme


def test_every_tag_has_a_name_of_its_own_in_both_languages():
    assert len({tag.korean for tag in TAG_TABLE.values()}) == len(TAGS)
    assert len({tag.english for tag in TAG_TABLE.values()}) == len(TAGS)


def test_kinds_of_a_tag_are_of_its_class():
    assert all(TAG_TABLE[name.partition("-")[0]].word_class == tag.word_class for name, tag in TAG_TABLE.items())


def test_every_tag_is_one_that_kiwi_may_give():
    assert {"NNG", "VV-R", "JKS", "EF", "Z_CODA", "USER4"} <= set(TAGS)


@pytest.mark.parametrize(
    ("entry", "form", "tag"),
    [("가", "가", None), ("가/NNG", "가", "NNG"), ("//SP", "/", "SP"), ("1/2/SN", "1/2", "SN"), ("/", "/", None)],
)
def test_a_morpheme_is_a_form_or_a_form_with_its_tag(entry, form, tag):
    assert split_morpheme(entry) == (form, tag)

import pytest

from nlpbatch.wire.tags import KIWI_TAGS, TAG_TABLE, TAGS, TAGSETS, matcher, meaning_of, split_morpheme


@pytest.mark.parametrize("tags", TAGSETS.values(), ids=TAGSETS)
def test_every_tag_has_a_name_of_its_own_in_both_languages(tags):
    assert len(set(tags)) == len(tags)
    assert len({TAG_TABLE[tag].korean for tag in tags}) == len(tags)
    assert len({TAG_TABLE[tag].english for tag in tags}) == len(tags)


def test_kinds_of_a_tag_are_of_its_class():
    assert all(TAG_TABLE[name.partition("-")[0]].word_class == tag.word_class for name, tag in TAG_TABLE.items())


def test_every_tag_is_one_that_kiwi_may_give():
    assert {"NNG", "VV-R", "JKS", "EF", "Z_CODA", "USER4"} <= set(KIWI_TAGS)
    assert not {"NNBC", "SY", "UNKNOWN"} & set(KIWI_TAGS)


def test_the_table_has_the_tags_of_all_sets():
    assert set(TAGS) == set().union(*TAGSETS.values())


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (("VV",), {"VV", "VV-R", "VV+EC"}),
        (("EC",), {"VV+EC"}),
        (("VV-R", "NNG"), {"VV-R", "NNG"}),
        (("EF",), set()),
    ],
)
def test_a_token_is_found_by_each_of_its_tags(tags, found):
    assert set(filter(matcher(tags), ["VV", "VV-R", "VV+EC", "NNG", "V"])) == found


def test_several_tags_mean_what_each_of_them_means():
    meaning = meaning_of("VV+EC")
    assert (meaning.name, meaning.word_class) == ("VV+EC", "verb")
    assert (meaning.korean, meaning.english) == ("동사 + 연결 어미", "verb + connective ending")
    assert meaning_of("ODD").word_class == "other"


@pytest.mark.parametrize(
    ("entry", "form", "tag"),
    [("가", "가", None), ("가/NNG", "가", "NNG"), ("//SP", "/", "SP"), ("1/2/SN", "1/2", "SN"), ("/", "/", None)],
)
def test_a_morpheme_is_a_form_or_a_form_with_its_tag(entry, form, tag):
    assert split_morpheme(entry) == (form, tag)

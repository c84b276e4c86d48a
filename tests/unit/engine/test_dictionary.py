import pytest

from nlpbatch.engine.dictionary import MAX_BYTES, MECAB_ENTRIES, DictionaryEntry, add, parse
from nlpbatch.errors import ConfigError

GOOD = """\
# words of our own

밀크티\tNNP
밀크티라떼\tNNP\t-3.5
사겼다\t사귀/VV + 었/EP + 다/EF\t-1
/[A-Z]{2}-\\d+/\tW_SERIAL
s/요$/용/\tEF\t-2.0
"""


def entries(text):
    return parse(text.encode(), "d.tsv")


def test_every_kind_is_understood():
    assert entries(GOOD) == [
        DictionaryEntry("d.tsv:3", "word", ("밀크티", "NNP", 0.0)),
        DictionaryEntry("d.tsv:4", "word", ("밀크티라떼", "NNP", -3.5)),
        DictionaryEntry("d.tsv:5", "analysed", ("사겼다", (("사귀", "VV"), ("었", "EP"), ("다", "EF")), -1.0)),
        DictionaryEntry("d.tsv:6", "pattern", ("[A-Z]{2}-\\d+", "W_SERIAL")),
        DictionaryEntry("d.tsv:7", "variants", ("EF", "요$", "용", -2.0)),
    ]


def test_windows_files_are_understood():
    assert parse("\ufeff밀크티\tNNP\r\n".encode(), "d.tsv") == [
        DictionaryEntry("d.tsv:1", "word", ("밀크티", "NNP", 0.0))
    ]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("밀크티", "1 columns"),
        ("밀크티 NNP", "1 columns"),
        ("a\tNNP\t1\t2", "4 columns"),
        ("밀크티\tNOUN", "there is no tag 'NOUN': choose from NNG"),
        ("\tNNP", "the form has 0 code points"),
        ("가" * 101 + "\tNNP", "the form has 101 code points, must be 1 to 100"),
        ("밀크티\tNNP\thigh", "the score 'high' is no number"),
        ("밀크티\tNNP\tnan", "is no number"),
        ("사겼다\t사귀/VV + 었", "no analysis"),
        ("사겼다\t사귀/VERB", "there is no tag 'VERB'"),
        ("/[/\tNNP", "no regular expression: unterminated character set at 0"),
        ("/a*/\tNNP", "matches the empty text"),
        ("/a/\tNNP\t1", "a pattern takes no score"),
        ("s/(/x/\tEF", "no regular expression"),
    ],
)
def test_a_fault_is_named_with_its_line(line, wanted):
    with pytest.raises(ConfigError) as caught:
        entries(f"# first\n{line}\n")
    assert caught.value.message.startswith("d.tsv:2: ")
    assert wanted in caught.value.message


def test_all_faults_are_named_at_once_up_to_twenty():
    with pytest.raises(ConfigError) as caught:
        entries("가\tNNP\n" + "가\n" * 30 + "가\tNNP\n")
    lines = caught.value.message.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "d.tsv: and 11 lines more"


def test_the_same_twice_is_a_fault():
    with pytest.raises(ConfigError, match=r"d\.tsv:3: the same as line 1"):
        entries("가\tNNP\n나\tNNP\n가\tNNP\n")


def test_bytes_that_are_not_utf_8_are_named_with_their_line():
    with pytest.raises(ConfigError, match=r"d\.tsv:2: not UTF-8"):
        parse("가\tNNP\n".encode() + "나\tNNP".encode("cp949"), "d.tsv")


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(ConfigError, match="the limit is"):
        parse(b"#" * (MAX_BYTES + 1), "d.tsv")


class FakeKiwi:
    """Takes words only."""

    def __init__(self) -> None:
        self.words = []

    def add_user_word(self, *values):
        self.words.append(values)

    def add_pre_analyzed_word(self, *_):
        raise ValueError("cannot find the original morpheme")

    add_re_word = add_re_rule = add_user_word


def test_an_entry_that_kiwi_refuses_is_named_with_its_line():
    kiwi = FakeKiwi()
    with pytest.raises(ConfigError, match=r"d\.tsv:5: Kiwi doesn't take it: cannot find the original morpheme"):
        add(kiwi, entries(GOOD))
    assert kiwi.words[0] == ("밀크티", "NNP", 0.0)


def test_mecab_takes_words_and_analyses_with_its_own_tags():
    lines = "밀크티\tNNBC\n사겼다\t사귀/VV + 었/EP + 다/EF\t-1\n"
    assert [entry.kind for entry in parse(lines.encode(), "d.tsv", MECAB_ENTRIES)] == ["word", "analysed"]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("밀크티\tVV-R", "there is no tag 'VV-R': choose from NNG"),
        ("밀크티\tUNKNOWN", "there is no tag 'UNKNOWN'"),
        ("사겼다\t사귀/VV-R + 다/EF", "there is no tag 'VV-R'"),
        ("/a+/\tNNP", "MeCab takes words only: write each form out"),
        ("s/요$/용/\tEF", "MeCab takes words only: write each form out"),
    ],
)
def test_what_mecab_has_not_is_named_with_its_line(line, wanted):
    with pytest.raises(ConfigError) as caught:
        parse(f"# first\n{line}\n".encode(), "d.tsv", MECAB_ENTRIES)
    assert caught.value.message.startswith("d.tsv:2: ")
    assert wanted in caught.value.message

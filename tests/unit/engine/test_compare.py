from nlpbatch.engine.compare import compare
from nlpbatch.engine.operations import Analysed
from tests.fakes.engine import WordToken


def analysing(table):
    def perform(text):
        tokens, start = [], 0
        for form in table.get(text, text).split("|"):
            tokens.append(WordToken(form, start, tag="NNG" if form.isalpha() else "SW"))
            start += len(form)
        return Analysed(tokens)

    return perform


def differences(texts, before, after):
    seen = []
    found = compare(texts, analysing(before), analysing(after), lambda: seen.append(1))
    assert len(seen) == len(texts)
    return found


def test_the_same_is_no_difference():
    found = differences(["ab", "cd"], {"ab": "a|b"}, {"ab": "a|b"})
    assert (found.documents, found.changed, found.tokens, dict(found.changes)) == (2, 0, (3, 3), {})


def test_only_differences_are_shown_and_counted():
    found = differences(
        ["xabc", "yabc", "abc"], {"xabc": "x|ab|c", "yabc": "y|ab|c"}, {"xabc": "x|a|bc", "yabc": "y|a|bc"}
    )
    assert (found.documents, found.changed) == (3, 2)
    assert found.changes == {("ab/NNG + c/NNG", "a/NNG + bc/NNG"): 2}


def test_several_changes_in_a_text_are_several():
    found = differences(["abXcd"], {"abXcd": "ab|X|cd"}, {"abXcd": "a|b|X|c|d"})
    assert found.changes == {("ab/NNG", "a/NNG + b/NNG"): 1, ("cd/NNG", "c/NNG + d/NNG"): 1}
    assert found.examples["ab/NNG", "a/NNG + b/NNG"] == "abXcd"


def test_a_change_of_the_tag_alone_is_one():
    before = analysing({})
    found = compare(["1"], before, lambda text: Analysed([WordToken(text, 0, tag="SN")]), lambda: None)
    assert found.changes == {("1/SW", "1/SN"): 1}


def test_tokens_that_are_added_or_missing_at_the_end_are_shown():
    found = compare(["ab"], analysing({"ab": "a|b"}), lambda _: Analysed([WordToken("a", 0)]), lambda: None)
    assert found.changes == {("b/NNG", "nothing"): 1}

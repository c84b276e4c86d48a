from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.server.outcome_cache.plan import plan

TEXTS = st.lists(st.none() | st.binary(max_size=1).map(lambda byte: byte[:1]), max_size=20)


def kept(*texts):
    """Return a finder of these texts, whose places are the texts themselves."""
    return lambda distinct: {at: text for at, text in enumerate(distinct) if text in texts}


def test_equal_texts_share_a_row_and_kept_ones_come_first():
    planned = plan([b"a", b"b", b"a", None, b"c", None, b"b", b"c"], kept(b"c"))
    assert planned.found == [b"c"]
    assert planned.asked == [0, 1, 3]
    assert planned.order == [1, 2, 1, 3, 0, 3, 2, 0]


def test_different_new_texts_are_asked_as_they_are():
    planned = plan([b"a", None, b"b"], kept())
    assert (planned.found, planned.asked, planned.order) == ([], [0, 1, 2], [0, 1, 2])


def test_copies_of_a_failed_text_get_rows_of_their_own():
    planned = plan([b"a", b"b", b"a", b"c", b"a"], kept(b"c"))
    assert planned.ask_again([0]) == [2, 4]
    assert planned.order == [1, 2, 3, 0, 4]


def test_a_failed_text_without_copies_is_not_asked_again():
    planned = plan([b"a", b"b"], kept())
    assert planned.ask_again([0, 1]) == []
    assert planned.order == [0, 1]


@given(TEXTS, st.data())
def test_each_document_finds_the_row_of_its_own_text(texts, data):
    there = sorted({text for text in texts if text is not None})
    planned = plan(texts, kept(*data.draw(st.sets(st.sampled_from(there)) if there else st.just(set()))))
    failed = data.draw(st.sets(st.sampled_from(range(len(planned.asked))))) if planned.asked else set()
    again = planned.ask_again(sorted(failed))
    rows = [*planned.found, *(texts[position] for position in (*planned.asked, *again))]
    assert [rows[row] for row in planned.order] == texts
    # Nobody gets the row of a failure but the one that failed.
    of_failed = [row for row in planned.order if row - len(planned.found) in failed]
    assert len(of_failed) == len(set(of_failed))

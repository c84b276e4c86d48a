import pytest

from nlpbatch.suggestions import nearest


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("chunk_byte", "did you mean chunk_bytes?"),
        ("workes", "did you mean workers?"),
        ("zzz", "choose from workers, chunk_bytes, 리뷰 본문"),
        ("", "choose from workers, chunk_bytes, 리뷰 본문"),
        ("리뷰본문", "did you mean 리뷰 본문?"),
    ],
)
def test_a_similar_name_is_suggested_or_else_all_known_ones_in_order(name, remedy):
    assert nearest(name, iter(["workers", "chunk_bytes", "리뷰 본문"])) == remedy


def test_where_no_name_is_known_the_unknown_one_is_to_be_removed():
    assert nearest("workers", ()) == "remove it"

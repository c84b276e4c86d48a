import pytest

from nlpbatch.wire.media import etag, fingerprints_in, media_type


@pytest.mark.parametrize(
    ("header", "bare"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/html ", "text/html"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_media_type_is_read_without_case_and_parameters(header, bare):
    assert media_type(header) == bare


@pytest.mark.parametrize(
    ("if_match", "fingerprints"),
    [
        (etag("f1"), {"f1"}),
        ('"f1", "f2"', {"f1", "f2"}),
        ('W/"f1"', {"f1"}),
        ("*", {"*"}),
        ("", set()),
        (" , ", set()),
    ],
)
def test_if_match_lists_fingerprints(if_match, fingerprints):
    assert fingerprints_in(if_match) == fingerprints

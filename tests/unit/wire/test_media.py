import pytest

from nlpbatch.wire.media import etag, fingerprints_in, media_type, pinned_to


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


@pytest.mark.parametrize(
    ("headers", "fingerprints"),
    [
        ([], set()),
        (["*"], set()),
        (['"f1"', "*"], set()),
        (['"f1"'], {"f1"}),
        (['"f1"', '"f2", "f3"'], {"f1", "f2", "f3"}),
    ],
)
def test_a_request_is_pinned_to_what_all_its_if_match_headers_list(headers, fingerprints):
    assert pinned_to(headers) == fingerprints

import pytest

from proxy.instants import future, iso, past

NOON = 1_798_718_400.0  # 2026-12-31T12:00:00Z


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2027-01-31", "2027-02-01T00:00:00Z"),
        ("2027-01-31T18:00:00", "2027-01-31T18:00:00Z"),
        ("2027-01-31T18:00:00+09:00", "2027-01-31T09:00:00Z"),
        ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"),
        ("12h", "2027-01-01T00:00:00Z"),
        ("1d", "2027-01-01T12:00:00Z"),
        ("30m", "2026-12-31T12:30:00Z"),
        ("5s", "2026-12-31T12:00:05Z"),
    ],
)
def test_a_time_to_come_is_the_end_of_a_day_a_moment_or_a_span_from_now(text, wanted):
    assert iso(future(text, NOON)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2026-12-01", "2026-12-01T00:00:00Z"), ("12h", "2026-12-31T00:00:00Z"), ("1d", "2026-12-30T12:00:00Z")],
)
def test_a_time_that_was_is_the_beginning_of_a_day_or_a_span_ago(text, wanted):
    assert iso(past(text, NOON)) == wanted


@pytest.mark.parametrize(
    "text", ["", "soon", "2027-02-30", "99999-01-01", "9999-12-31", "12", "-5d", "٣d", "1y", "x" * 99]
)
def test_what_is_no_moment_is_refused_with_the_forms_there_are(text):
    with pytest.raises(ValueError, match="is no moment: give a date such as 2027-01-31"):
        future(text, NOON)

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.calendar import period_at

END_S = datetime(2400, 12, 1, tzinfo=UTC).timestamp()
MOMENTS = st.floats(0, END_S).map(lambda epoch_s: datetime.fromtimestamp(epoch_s, UTC))


@given(MOMENTS)
def test_days_and_months_are_those_of_the_calendar(moment):
    day, month = (period_at(kind, moment.timestamp()) for kind in ("day", "month"))
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight.replace(day=1)
    next_ = (first + timedelta(days=31)).replace(day=1)
    assert (day.label, month.label) == (f"{moment:%Y-%m-%d}", f"{moment:%Y-%m}")
    assert (day.start_s, day.end_s) == (midnight.timestamp(), (midnight + timedelta(days=1)).timestamp())
    assert (month.start_s, month.end_s) == (first.timestamp(), next_.timestamp())


def test_a_period_ends_where_the_next_begins():
    day = period_at("day", 0.0)
    assert period_at("day", day.end_s - 0.001) == day
    assert period_at("day", float(day.end_s)).start_s == day.end_s

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from nlpbatch.airflow.dates import partition_date
from nlpbatch.errors import ConfigError

SEOUL = ZoneInfo("Asia/Seoul")
MIDNIGHT_IN_SEOUL = datetime(2026, 10, 31, 15, tzinfo=UTC)


def test_the_date_is_that_of_the_interval_where_the_days_begin():
    assert partition_date(interval_start=MIDNIGHT_IN_SEOUL, timezone=SEOUL) == "2026-11-01"
    assert partition_date(interval_start=MIDNIGHT_IN_SEOUL, timezone=ZoneInfo("UTC")) == "2026-10-31"


def test_a_person_comes_before_a_partition_before_events_before_the_interval():
    given = {"interval_start": MIDNIGHT_IN_SEOUL, "timezone": SEOUL}
    given["events"] = [{"date": "2026-11-02", "rows": 3}, {"date": "2026-11-02"}, {}]
    assert partition_date(**given) == "2026-11-02"
    given["partition_key"] = "2026-11-03"
    assert partition_date(**given) == "2026-11-03"
    given["parameter"] = "2026-11-04"
    assert partition_date(**given) == "2026-11-04"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parameter": "yesterday"}, "parameter date is 'yesterday', which is not a date: write it as 2026-11-30"),
        ({"parameter": "2026-02-30"}, "not a date"),
        ({"parameter": ""}, "not a date"),
        ({"partition_key": "kr"}, "the partition's key is 'kr'"),
        ({"events": [{"date": "20261101"}]}, "date of the asset's event is '20261101'"),
        ({"events": [{"rows": 3}]}, "needs a date and the run has none: start it with"),
        ({}, "needs a date and the run has none"),
    ],
)
def test_a_run_without_a_date_is_refused_with_the_remedy(given, message):
    with pytest.raises(ConfigError, match=message):
        partition_date(**given, timezone=SEOUL)


def test_several_dates_at_once_are_refused_because_a_run_is_about_one():
    events = [{"date": "2026-11-02"}, {"date": "2026-11-01"}]
    with pytest.raises(
        ConfigError, match=r"2 dates arrived at once \(2026-11-01, 2026-11-02\), and a run is about one"
    ):
        partition_date(events=events, timezone=SEOUL)

"""Cron expressions, and the calendar events of systemd that are the same."""

import shutil
import subprocess

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.schedule.cron import Cron

SAME = [
    ("0 3 * * *", ["*-*-* 03:00:00 Asia/Seoul"]),
    ("@daily", ["*-*-* 00:00:00 Asia/Seoul"]),
    ("*/15 * * * *", ["*-*-* *:00,15,30,45:00 Asia/Seoul"]),
    ("5 0-6/3 * * 1-5", ["Mon,Tue,Wed,Thu,Fri *-*-* 00,03,06:05:00 Asia/Seoul"]),
    ("0 0 1 jan,JUL *", ["*-01,07-01 00:00:00 Asia/Seoul"]),
    ("0 0 * * 7", ["Sun *-*-* 00:00:00 Asia/Seoul"]),
    ("0 0 * * sat-7", ["Sun,Sat *-*-* 00:00:00 Asia/Seoul"]),
    ("30 4 1,15 * 5", ["*-*-01,15 04:30:00 Asia/Seoul", "Fri *-*-* 04:30:00 Asia/Seoul"]),
    ("0 0 */1 * */1", ["*-*-* 00:00:00 Asia/Seoul"]),
    ("10/20 * * * *", ["*-*-* *:10,30,50:00 Asia/Seoul"]),
]


@pytest.mark.parametrize(("text", "calendars"), [(text, wanted) for text, wanted in SAME])
def test_an_expression_is_the_same_for_systemd(text, calendars):
    assert Cron.parse(text).calendars("Asia/Seoul") == calendars


@pytest.mark.parametrize("text", [text for text, _ in SAME])
def test_systemd_takes_what_is_made_of_it(text):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    for calendar in Cron.parse(text).calendars("Asia/Seoul"):
        done = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 3 * *", "has 4 fields and needs 5"),
        ("", "has 0 fields"),
        ("@dayly", r"'@dayly' is unknown: did you mean @daily\?"),
        ("60 3 * * *", r"minute is '60': give numbers from 0 to 59, ranges \(1-5\), lists \(1,3\), steps"),
        ("0 24 * * *", "hour is '24'"),
        ("0 0 0 * *", "day of the month is '0'"),
        ("0 0 * foo *", "month is 'foo'"),
        ("0 0 * * 8", "day of the week is '8'"),
        ("0 5-3 * * *", "hour is '5-3'"),
        ("*/0 * * * *", r"minute is '\*/0'"),
        ("*-5 * * * *", "minute is"),
        ("1,,2 * * * *", "minute is"),
        ("0 0 L * *", "day of the month is 'L'"),
    ],
)
def test_what_is_none_is_refused_with_the_field_and_its_bounds(text, message):
    with pytest.raises(ConfigError, match=message):
        Cron.parse(text)

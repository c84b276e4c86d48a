import pytest

from proxy.ledger import counters
from proxy.ledger.counters import ANALYSED, ANALYSED_BYTES, COUNTERS, OTHER, Rows, decode, encode, read_lines

ROW = ("2026-11-27", "search", "0123456789ab", "out-1")


def test_every_counter_has_its_index():
    indexes = [getattr(counters, name.upper()) for name in COUNTERS]
    assert indexes == list(range(len(COUNTERS)))


@pytest.mark.parametrize("job", ["out-1", "", "-", OTHER])
def test_what_is_written_is_read(job):
    row = (*ROW[:3], job)
    line = encode(row, [(ANALYSED, 1), (ANALYSED_BYTES, 65_536)])
    assert line.endswith(b"\n")
    assert decode(line[:-1]) == (row, [(ANALYSED, 1), (ANALYSED_BYTES, 65_536)])


def test_a_line_that_was_cut_off_or_changed_anywhere_is_damaged():
    line = encode(ROW, [(ANALYSED, 1)])[:-1]
    assert all(decode(line[:size]) is None for size in range(len(line)))
    assert all(decode(line[:at] + b"?" + line[at + 1 :]) is None for at in range(len(line)))


def test_damaged_lines_are_reported_and_the_others_count():
    whole = encode(ROW, [(ANALYSED, 1), (ANALYSED_BYTES, 10)])
    rows, damaged = read_lines(whole + whole[:20] + b"\n" + whole + whole[:-5])
    assert damaged == 2
    assert rows.counts[ROW][ANALYSED_BYTES] == 20


def test_lines_that_stand_for_rows_add_up_to_them():
    rows = Rows()
    for number in range(100):
        rows.add((*ROW[:3], f"out-{number % 7}"), [(ANALYSED, 1), (ANALYSED_BYTES, number)])
    again, damaged = read_lines(rows.lines())
    assert (list(again.counts.items()), damaged) == (list(rows.counts.items()), 0)
    assert again.bytes_of("search") == sum(range(100))
    assert again.bytes_of("ads") == 0


def test_of_too_many_jobs_the_further_ones_are_counted_as_one(monkeypatch):
    monkeypatch.setattr(counters, "MAX_JOBS", 2)
    rows = Rows()
    for job in ("a", "b", "c", "d", "a"):
        rows.add((*ROW[:3], job), [(ANALYSED, 1)])
    assert {row[3]: counts[ANALYSED] for row, counts in rows.counts.items()} == {"a": 2, "b": 1, OTHER: 2}
    again, _ = read_lines(rows.lines())
    assert again.counts == rows.counts


def test_the_jobs_of_old_days_can_be_counted_as_one_and_every_sum_stays():
    rows = Rows()
    for day in (1, 2, 3):
        for job in "ab":
            rows.add((f"2026-11-0{day}", "search", "k", job), [(ANALYSED, day)])
    fewer = rows.without_jobs("2026-11-02")
    assert [(row[0][-1], row[3], counts[ANALYSED]) for row, counts in fewer.counts.items()] == [
        ("1", OTHER, 2),
        ("2", OTHER, 4),
        ("3", "a", 3),
        ("3", "b", 3),
    ]

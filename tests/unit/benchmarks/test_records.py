import pytest

from tests.benchmarks.suite.figures import NoVerdict, Ratio, Spread, worse
from tests.benchmarks.suite.records import key_of, record, recorded


def check(file, key, ratios):
    return worse(ratios, recorded(file, key))


GOOD, BAD = Ratio(Spread.of([0.9, 0.91, 0.92])), Ratio(Spread.of([0.5, 0.6, 0.7]))


def test_what_is_recorded_is_what_later_runs_are_held_to(tmp_path):
    file = tmp_path / "benchmarks.json"
    record(file, key_of(150_000, 2), {"job / bare": GOOD})
    assert check(file, key_of(150_000, 2), {"job / bare": GOOD}) == []
    assert check(file, key_of(150_000, 2), {"job / bare": BAD}) == [
        "job / bare: 0.500 to 0.700, recorded 0.900 to 0.920"
    ]


def test_other_numbers_of_documents_and_other_ratios_stay(tmp_path):
    file = tmp_path / "benchmarks.json"
    record(file, key_of(1, 2), {"a": GOOD})
    record(file, key_of(9, 2), {"b": GOOD})
    record(file, key_of(1, 2), {"c": GOOD})
    assert check(file, key_of(1, 2), {"a": GOOD, "c": BAD}) == ["c: 0.500 to 0.700, recorded 0.900 to 0.920"]
    assert check(file, key_of(9, 2), {"b": GOOD}) == []


def test_ratios_of_another_number_of_documents_are_not_compared(tmp_path):
    file = tmp_path / "benchmarks.json"
    record(file, key_of(150_000, 2), {"a": GOOD})
    with pytest.raises(NoVerdict, match="nothing is recorded of 7 documents, 2 cores, but of 150000 documents"):
        check(file, key_of(7, 2), {"a": GOOD})

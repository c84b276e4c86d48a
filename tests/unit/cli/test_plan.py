import pytest

from nlpbatch.cli import main
from nlpbatch.cli.plan import Plan, measure_chars_per_s
from nlpbatch.errors import ConfigError


def test_workers_are_those_that_are_done_in_time_with_a_fifth_to_spare():
    plan = Plan.of(documents=1_000_000, mean_chars=360.0, hours=1.0, chars_per_s=10_000.0, in_flight=4)
    assert (plan.characters, plan.worker_hours) == (360_000_000, 10.0)
    assert plan.workers == 13  # 10 hours ÷ 0.8 hours
    assert plan.tasks == 7  # 26 requests, four to a task


def test_a_job_of_minutes_takes_one_worker_and_one_task():
    plan = Plan.of(documents=1, mean_chars=1.0, hours=10.0, chars_per_s=10_000.0, in_flight=64)
    assert (plan.workers, plan.tasks) == (1, 1)


@pytest.mark.parametrize("name", ["documents", "mean_chars", "hours", "chars_per_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_value_that_nothing_can_be_planned_with_is_named(name, value):
    given = {"documents": 1, "mean_chars": 1.0, "hours": 1.0, "chars_per_s": 1.0, "in_flight": 4}
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} {value:g}"):
        Plan.of(**given | {name: value})


@pytest.mark.parametrize(("name", "value"), [("hours", 1e-320), ("chars_per_s", 1e-320), ("mean_chars", 1e308)])
def test_numbers_beyond_all_counting_are_refused(name, value):
    given = {"documents": 10**9, "mean_chars": 1.0, "hours": 1.0, "chars_per_s": 1.0, "in_flight": 4}
    with pytest.raises(ConfigError, match="need more workers than can be counted"):
        Plan.of(**given | {name: value})


def test_the_command_says_what_it_planned_with(capsys):
    options = "--documents 712404 --mean-chars 35 --hours 0.5 --chars-per-s 60000"
    assert main(["plan", *options.split()]) == 0
    said = capsys.readouterr().out
    assert "24,934,140 characters at 60,000 a second per worker (as given)" in said
    assert "workers  1, a core each" in said


def test_the_command_refuses_requests_under_way_that_no_job_takes(capsys):
    options = "--documents 1 --mean-chars 1 --hours 1 --chars-per-s 1 --in-flight 0"
    assert main(["plan", *options.split()]) == 2
    assert "in_flight" in capsys.readouterr().err


def test_what_a_worker_does_is_measured_with_kiwi():
    assert 1_000 < measure_chars_per_s() < 10_000_000

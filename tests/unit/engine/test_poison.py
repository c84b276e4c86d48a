import pytest

from nlpbatch.engine.poison import DEATHS, PoisonedOptions
from nlpbatch.wire.options import Options

POISONED = Options(kiwi={"blocklist": ("가",)})


def died(times, options=POISONED):
    questions = PoisonedOptions()
    for _ in range(times):
        questions.died(options, 0.0)
    return questions


def test_a_question_that_three_workers_in_a_row_died_of_is_refused_for_an_hour():
    assert died(DEATHS - 1).refusal(POISONED, 1.0) is None
    questions = died(DEATHS)
    refusal = questions.refusal(Options(kiwi={"blocklist": ("가",)}), 3599.0)
    assert refusal is not None
    assert refusal.code == "invalid_option"
    assert "(blocklist) has cost 3 workers in a row and is refused for 60 minutes" in refusal.message
    assert questions.refusal(POISONED, 3600.0) is None


@pytest.mark.parametrize(
    "other", [Options(), Options(kiwi={"blocklist": ("나",)}), Options("sentences", kiwi={"blocklist": ("가",)})]
)
def test_another_question_is_not_refused(other):
    assert died(DEATHS).refusal(other, 1.0) is None


def test_an_answer_in_between_clears_it_but_does_not_release_it():
    questions = died(DEATHS - 1)
    questions.answered(POISONED)
    questions.died(POISONED, 0.0)
    assert questions.refusal(POISONED, 1.0) is None
    questions = died(DEATHS)
    questions.answered(POISONED)
    assert questions.refusal(POISONED, 1.0) is not None


def test_the_plain_question_is_never_to_blame():
    assert died(100, Options()).refusal(Options(), 1.0) is None


def test_the_operator_sees_it_and_gives_it_another_chance():
    questions = died(DEATHS)
    (refused,) = questions.to_json(600.0)
    assert refused["options"]["blocklist"] == ["가"]
    assert (refused["operation"], refused["deaths"], refused["refused_for_s"]) == ("analyze", 3, 3000.0)
    questions.clear()
    assert (questions.to_json(1.0), questions.refusal(POISONED, 1.0)) == ([], None)

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch import errors
from nlpbatch.client.policy import MIN_DELAY_S, RetryPolicy, attempt_timeout_s, is_doubtful, next_delay_s
from nlpbatch.errors import ConfigError
from tests.fakes.error_tree import leaves

TRANSIENT = (
    errors.QuotaExceeded,
    errors.BudgetExhausted,
    errors.QueueFull,
    errors.TenantPaused,
    errors.NoCapacity,
    errors.Draining,
    errors.ServiceUnreachable,
    errors.ServiceTimeout,
    errors.BackendFailed,
)
FINAL = (
    errors.ConfigError,
    errors.InvalidRequest,
    errors.Unauthenticated,
    errors.UnknownAnalyzer,
    errors.RequestTooLarge,
    errors.FingerprintMismatch,
    errors.UnexpectedAnswer,
    errors.PatienceExhausted,
)

DEFAULT = RetryPolicy()

seconds = st.floats(0.01, 10_000)
chances = st.floats(0, 1, exclude_max=True)
retry_afters = st.one_of(st.none(), st.floats(0, 10_000), st.just(math.inf), st.just(math.nan))
transient_errors = st.builds(lambda cls, after: cls("…", retry_after_s=after), st.sampled_from(TRANSIENT), retry_afters)


@st.composite
def policies(draw):
    base_s = draw(st.floats(0.01, 10))
    return RetryPolicy(
        patience_s=draw(seconds),
        attempt_timeout_s=draw(seconds),
        connect_timeout_s=draw(st.floats(0.01, 60)),
        backoff_base_s=base_s,
        backoff_cap_s=draw(st.floats(base_s, 1000)),
    )


def delay_s(error, *, policy=DEFAULT, attempt=1, doubtful=0, elapsed_s=0.0, chance=0.5):
    return next_delay_s(policy, attempt=attempt, doubtful=doubtful, elapsed_s=elapsed_s, error=error, chance=chance)


@given(policies(), transient_errors, st.integers(1, 10_000), st.floats(0, 20_000), chances)
def test_a_wait_is_never_shorter_than_asked_and_never_ends_past_the_patience(policy, error, attempt, elapsed_s, chance):
    wait_s = delay_s(error, policy=policy, attempt=attempt, elapsed_s=elapsed_s, chance=chance)
    if wait_s is not None:
        assert wait_s >= max(MIN_DELAY_S, error.retry_after_s or 0.0)
        assert elapsed_s + wait_s < policy.patience_s


@given(policies(), transient_errors, st.integers(1, 10_000), chances)
def test_without_retry_after_a_wait_stays_under_the_cap(policy, error, attempt, chance):
    error.retry_after_s = None
    wait_s = delay_s(error, policy=policy, attempt=attempt, chance=chance)
    assert wait_s is None or wait_s <= policy.backoff_cap_s


@given(st.floats(0.01, 20), st.lists(st.tuples(transient_errors, chances), min_size=1, max_size=5))
def test_a_service_that_refuses_at_once_for_ever_is_given_up(patience_s, outcomes):
    policy = RetryPolicy(patience_s=patience_s, backoff_base_s=0.01)
    elapsed_s, attempt = 0.0, 0
    while True:
        error, chance = outcomes[attempt % len(outcomes)]
        attempt += 1
        wait_s = delay_s(error, policy=policy, attempt=attempt, elapsed_s=elapsed_s, chance=chance)
        if wait_s is None:
            break
        elapsed_s += wait_s
    assert elapsed_s < patience_s
    assert attempt <= patience_s / MIN_DELAY_S + 2


@pytest.mark.parametrize("cls", TRANSIENT)
def test_what_says_that_the_service_is_away_or_busy_is_tried_until_the_patience_ends(cls):
    assert not is_doubtful(cls("…"))
    assert delay_s(cls("…"), attempt=1000, elapsed_s=200) is not None


@pytest.mark.parametrize("cls", FINAL)
def test_an_error_that_is_not_retryable_is_final(cls):
    assert delay_s(cls("…", retry_after_s=1.0)) is None


def test_every_public_error_falls_under_a_rule():
    retryable = {cls for cls in leaves() if cls.retryable}
    assert retryable == {*TRANSIENT, errors.InternalError}


def test_an_error_that_the_request_may_have_caused_is_tried_three_times():
    error = errors.InternalError("…")
    assert is_doubtful(error)
    assert [delay_s(error, attempt=n, doubtful=n) is not None for n in (1, 2, 3)] == [True, True, False]


def test_refusals_do_not_use_up_the_attempts_of_a_doubtful_error():
    assert delay_s(errors.InternalError("…"), attempt=50, doubtful=1) is not None


def test_retry_after_gets_a_spread_of_a_tenth_or_the_first_backoff():
    error = errors.QueueFull("…", retry_after_s=20.0)
    assert delay_s(error, chance=0.0) == 20.0
    assert delay_s(error, chance=0.5) == 21.0
    assert delay_s(errors.QueueFull("…", retry_after_s=0.0), chance=0.5) == pytest.approx(0.1)


def test_a_retry_waits_for_its_turn_among_those_of_the_same_client():
    given = {"attempt": 1, "doubtful": 0, "elapsed_s": 0.0, "error": errors.NoCapacity("…"), "chance": 0.5}
    assert next_delay_s(DEFAULT, **given, least_s=7.0) == 7.0
    assert next_delay_s(DEFAULT, **given, least_s=DEFAULT.patience_s) is None


def test_backoff_doubles_up_to_its_cap():
    waits = [delay_s(errors.ServiceUnreachable("…"), attempt=n, chance=0.5) for n in range(1, 10)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0])


def test_a_retry_after_beyond_the_patience_is_not_waited_for():
    assert delay_s(errors.NoCapacity("…", retry_after_s=301)) is None


@given(policies(), st.floats(0, 20_000))
def test_an_attempt_ends_with_the_patience_but_has_time_to_connect(policy, elapsed_s):
    timeout_s = attempt_timeout_s(policy, elapsed_s)
    assert 0 < timeout_s <= policy.attempt_timeout_s
    assert timeout_s <= max(policy.patience_s - elapsed_s, policy.connect_timeout_s)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"patience_s": 0}, "patience_s is 0, must be 0.01 to 604800"),
        ({"attempt_timeout_s": -1.0}, "attempt_timeout_s is -1"),
        ({"connect_timeout_s": math.inf}, "connect_timeout_s is inf"),
        ({"patience_s": math.nan}, "patience_s is nan"),
        ({"backoff_base_s": 2.0, "backoff_cap_s": 1.0}, "backoff_cap_s is 1, must be 2 to 604800"),
        ({"internal_attempts": 0}, "internal_attempts is 0, must be 1 to 1000"),
        ({"patience_s": "300"}, "patience_s is a str: give a number"),
        ({"patience_s": True}, "patience_s is a bool"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_bounds(arguments, named):
    with pytest.raises(ConfigError, match=named):
        RetryPolicy(**arguments)


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(ConfigError, match=r"attempt_timeout_s.*; patience_s"):
        RetryPolicy(attempt_timeout_s=0, patience_s=0)


def test_a_policy_reaches_executors_unchanged():
    policy = RetryPolicy(patience_s=7)
    assert pickle.loads(pickle.dumps(policy)) == policy

"""A short form of `python -m tests.chaos`: everything killed in one run, and what is bounded by itself."""

import pyarrow.parquet as pq
import pytest

from tests.chaos import victims
from tests.chaos.__main__ import FLEET, SPECULATING
from tests.chaos.checks import faults
from tests.chaos.fleet import FleetStack
from tests.chaos.harness import Chaos

SEED = 20_261_123
REVIEWS = 6_000


@pytest.fixture(scope="module")
def chaos(yarn, reviews, tmp_path_factory):
    table = pq.read_table(reviews, columns=["review_id", "review"]).slice(0, REVIEWS)
    return Chaos(yarn, table, SEED, tmp_path_factory.mktemp("chaos"))


@pytest.fixture(scope="module")
def clean(chaos):
    outcome = chaos.clean()
    assert faults(outcome, outcome) == []
    assert outcome.summary["work"]["analysed_bytes"] == outcome.summary["work"]["answered_bytes"]
    return outcome


def test_the_output_is_the_same_whichever_process_is_killed(chaos, clean):
    outcome = chaos.run(*victims.NAMES)
    assert {name for _, name, _ in outcome.kills} == set(victims.NAMES)
    assert faults(outcome, clean, *victims.NAMES) == []
    assert outcome.starts == 2


def test_two_proxies_with_a_store_may_be_killed_and_no_byte_is_lost_or_analysed_twice(chaos, clean):
    outcome = chaos.run("proxy", "proxy", "executor", service=FleetStack)
    assert sorted(name for _, name, _ in outcome.kills) == ["executor", "proxy", "proxy"]
    assert faults(outcome, clean, FLEET) == []
    work = outcome.summary["work"]
    assert outcome.ledger["analysed_bytes"] == work["analysed_bytes"] == work["answered_bytes"]


def test_killed_executors_repeat_next_to_nothing(chaos, clean):
    outcome = chaos.run("executor", "executor")
    assert len(outcome.kills) == 2
    assert faults(outcome, clean, "executor") == []


def test_speculation_repeats_next_to_nothing(chaos, clean):
    assert faults(chaos.run(conf=SPECULATING), clean, "speculation") == []

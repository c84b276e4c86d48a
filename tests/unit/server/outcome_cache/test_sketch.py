"""The hash is a number in the text, so that the tests choose which texts are sampled."""

import random

import pytest

from nlpbatch.server.outcome_cache.sketch import SHARE, Sketch


def numbered(number):
    return b"%010d" % number


@pytest.fixture
def sketch():
    return Sketch(64 * 10, int)


def test_one_hash_of_64_is_sampled(sketch):
    seen = sketch.see([numbered(number) for number in range(6400)])
    assert (seen.documents, seen.repeated_bytes) == (100, 0)
    assert SHARE * 6400 == 100


def test_a_sampled_text_that_comes_again_is_noticed_with_its_bytes(sketch):
    sketch.see([numbered(64), numbered(128), numbered(1)])
    seen = sketch.see([numbered(64), numbered(1), numbered(192)])
    assert (seen.documents, seen.repeated_bytes) == (2, 10)


def test_nulls_are_not_counted(sketch):
    assert sketch.see([None, None]).documents == 0


def test_repeats_are_found_from_as_far_back_as_the_window(sketch):
    sketch.see([numbered(0)])
    sketch.see([numbered(64 * number) for number in range(1, 10)])
    assert sketch.see([numbered(0)]).repeated_bytes == 10
    sketch.see([numbered(64 * number) for number in range(1, 11)])
    assert sketch.see([numbered(0)]).repeated_bytes == 0


@pytest.mark.parametrize("share", [0.03, 0.3, 0.6])
def test_the_share_of_repeats_in_the_sample_is_that_of_all(share):
    chance = random.Random(7)
    distinct, texts = [], []
    for number in range(60_000):
        if distinct and chance.random() < share:
            texts.append(chance.choice(distinct))
        else:
            distinct.append(numbered(number * 2654435761 % 2**32))
            texts.append(distinct[-1])
    seen = Sketch(10_000_000, int).see(texts)
    assert seen.repeated_bytes / 10 / seen.documents == pytest.approx(share, abs=0.05)

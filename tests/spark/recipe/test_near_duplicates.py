"""Near duplicates of real reviews, against all pairs compared one by one."""

import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as sf

from nlpbatch.recipe.near_duplicates import COMPARED, ID, ORDER, near_duplicates, near_pairs
from nlpbatch.spark.storage import Storage

ROWS = 5_000


@pytest.fixture(scope="module")
def texts(reviews):
    """5,000 reviews, each text once."""
    every = dict.fromkeys(text for text in pq.read_table(reviews)["review"].to_pylist() if text)
    return list(every)[:ROWS]


def as_rows(spark, texts):
    df = spark.createDataFrame(list(enumerate(texts)), f"{ID} long, text string")
    return df.withColumn(ORDER, sf.col(ID))


def shingles(text):
    plain = "".join(character for character in text.lower() if character.isalpha() or character.isnumeric())
    return {plain[at : at + 3] for at in range(max(1, len(plain) - 2))} - {""}


def all_pairs(texts, similarity):
    """Return all pairs at least so similar, by comparing each with each."""
    sets = [shingles(text) for text in texts]
    found = set()
    for later, other in enumerate(sets):
        for earlier in range(later if other else 0):
            one = sets[earlier]
            common = len(one & other)
            if one and common >= similarity * (len(one) + len(other) - common):
                found.add((earlier, later))
    return found


@pytest.mark.parametrize("similarity", [0.5, 0.8])
def test_pairs_of_reviews_are_those_that_comparing_each_with_each_finds(spark, texts, tmp_path, similarity):
    expected = all_pairs(texts, similarity)
    pairs = near_pairs(as_rows(spark, texts), sf.col("text"), similarity, Storage(spark, str(tmp_path)))
    found = {(row["earlier"], row["later"]) for row in pairs.collect()}
    both = len(found & expected)
    print(f"similarity {similarity}: {len(expected)} pairs, found {len(found)}, both {both}")
    assert len(expected) > 10
    assert both >= 0.9 * len(expected)
    assert both >= 0.95 * len(found)


def test_in_a_bucket_of_many_each_is_compared_with_the_first_ones_only(spark, tmp_path):
    texts = ["좋은 영화였다" + "!" * number for number in range(3 * COMPARED)]
    staging = Storage(spark, str(tmp_path / "pairs"))
    assert near_pairs(as_rows(spark, texts), sf.col("text"), 0.8, staging).count() <= COMPARED * len(texts)
    dropped = near_duplicates(as_rows(spark, texts), sf.col("text"), 0.8, Storage(spark, str(tmp_path / "dropped")))
    assert sorted(row[ID] for row in dropped.collect()) == list(range(1, len(texts)))

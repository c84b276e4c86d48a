"""Finds texts that are nearly the same, with MinHash and Spark's own functions.

A text is the set of its sequences of three letters or digits, in lower case (shingles). Two texts are near duplicates
if the Jaccard index of their sets, common shingles ÷ all shingles, is at least `similarity`.

1. A signature of MinHash values is cut into bands. Texts that agree in a band meet in its bucket: for a pair at
   `similarity`, that happens with a probability of 99 % in at least one band.
2. In a bucket, each text is compared with the first `COMPARED` before it, so that a bucket of a million costs a million
   times as much as one text, not a million squared.
3. Jaccard indices of the pairs are computed from their sets: what is dropped is a near duplicate for certain.
4. In order, a text is dropped if one before it that is kept is its near duplicate. So each dropped text has one that is
   kept, however long the chain of texts that resemble one another.

Steps 1 to 3 run in executors. Step 4 gets one row for each text that has a near duplicate before it, in order, on the
driver, which remembers which ones it dropped.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf

from nlpbatch.spark.storage import Storage

ID: Final = "_nlpbatch_id"
"""Column that identifies a row."""
ORDER: Final = "_nlpbatch_order"
"""Column by which rows are ordered; equal ones by their id."""
SHINGLE: Final = 3
COMPARED: Final = 100
_FOUND: Final = 0.99
_ROUNDED: Final = 1e-6
_MAX_ROWS: Final = 6
"""More hashes in a band would save candidates where there are few anyhow."""


def bands_of(similarity: float) -> tuple[int, int]:
    """Return how many bands a signature has, and of how many hashes each, so that a pair is found with 99 %.

    Two texts agree in a hash with a probability of their Jaccard index s, in a band of r hashes with s^r, and in one of
    b bands at least with 1 - (1 - s^r)^b. With s^r near a third, few hashes are needed (Leskovec, Rajaraman and Ullman,
    Mining of Massive Datasets, 3.4).
    """
    if similarity >= 1:
        return 1, _MAX_ROWS
    rows = min(_MAX_ROWS, max(1, round(math.log(3) / -math.log(similarity))))
    return math.ceil(math.log(1 - _FOUND) / math.log(1 - similarity**rows)), rows


def plain_text(text: Column) -> Column:
    """Return the letters and digits of a text, in lower case."""
    return sf.regexp_replace(sf.lower(text), r"[^\p{L}\p{N}]+", "")


def shingles(plain: Column) -> Column:
    """Return hashes of the shingles of a plain text, each once; a short text is one shingle, an empty one has none."""
    every = sf.regexp_extract_all(plain, sf.lit(rf"(?=(.{{{SHINGLE}}}))"), sf.lit(1))
    short = sf.filter(sf.array(plain), lambda one: one != "")
    found = sf.when(sf.char_length(plain) < SHINGLE, short).otherwise(every)
    return sf.array_distinct(
        sf.transform(found, lambda one: sf.xxhash64(one))  # noqa: PLW0108  (Spark counts a function's arguments)
    )


def near_pairs(rows: DataFrame, text: Column, similarity: float, staging: Storage) -> DataFrame:
    """Return pairs of near duplicates: `earlier`, `later`, and `order`, that of the later one.

    Args:
        rows: Rows with `ID` and `ORDER`.
        text: Of a row, with columns of `rows`.
        similarity: Least Jaccard index, over 0 and up to 1.
        staging: Directory for what is found meanwhile.

    """
    spark = rows.sparkSession
    sets = rows.select(ID, ORDER, plain_text(text).alias("plain"))
    sets = sets.select(ID, ORDER, shingles(sf.col("plain")).alias("set"))
    sets.select("*", _bands("set", similarity).alias("bands")).write.parquet(staging.within("sets"))
    sets = spark.read.parquet(staging.within("sets")).where(sf.size("set") > 0)
    _members(sets).write.parquet(staging.within("members"))
    members = spark.read.parquet(staging.within("members"))
    first = members.where(sf.col("rank") <= COMPARED).select("band", sf.col("rank").alias("first"), _id("earlier"))
    pairs = members.select("band", "rank", _id("later")).join(first, "band").where(sf.col("first") < sf.col("rank"))
    pairs = pairs.select("earlier", "later").distinct()
    pairs = pairs.join(sets.select(_id("earlier"), sf.col("set").alias("one")), "earlier")
    pairs = pairs.join(sets.select(_id("later"), sf.col("set").alias("other"), sf.col(ORDER).alias("order")), "later")
    common = sf.size(sf.array_intersect("one", "other"))
    both = sf.size("one") + sf.size("other")
    # common ÷ (both - common) >= similarity; a fraction of a shingle for what floating point rounds
    similar = common * (1 + similarity) + _ROUNDED >= similarity * both
    return pairs.where(similar).select("earlier", "later", "order")


def near_duplicates(rows: DataFrame, text: Column, similarity: float, staging: Storage) -> DataFrame:
    """Return the ids of the rows to drop, in column `ID`; arguments as `near_pairs`."""
    pairs = near_pairs(rows, text, similarity, staging)
    grouped = pairs.groupBy("later").agg(sf.first("order").alias("order"), sf.collect_list("earlier").alias("earlier"))
    ordered = grouped.orderBy("order", "later").select("later", "earlier")
    dropped = pa.array(_dropped(ordered.toLocalIterator()), pa.int64())
    return rows.sparkSession.createDataFrame(pa.table({ID: dropped}))


def _dropped(ordered: Iterable[Any]) -> Iterator[int]:
    """Yield the ids that are dropped, of (id, those of near duplicates before it) in order."""
    dropped: set[int] = set()
    for later, before in ordered:
        if any(one not in dropped for one in before):
            dropped.add(later)
            yield later


def _bands(shingles: str, similarity: float) -> Column:
    """Return an array with a hash of each band of a signature, which is that of its bucket.

    Seeds are data: sixty expressions instead would be one method in Java, too long to be compiled, and take five times
    as long.
    """
    bands, size = (sf.array(*map(sf.lit, range(count))) for count in bands_of(similarity))

    def least(band: Column, seed: Column) -> Column:
        return sf.array_min(sf.transform(shingles, lambda one: sf.xxhash64(band, seed, one)))

    return sf.transform(bands, lambda band: sf.xxhash64(band, sf.transform(size, lambda seed: least(band, seed))))


def _members(sets: DataFrame) -> DataFrame:
    """Return the rows of buckets that have several: the bucket, the row, and its rank there."""
    # most buckets have one row: only hashes are shuffled to know the others, and few rows are sorted
    several = sets.select(sf.explode("bands").alias("band")).groupBy("band").count().where(sf.col("count") > 1)
    members = sets.select(ID, ORDER, sf.explode("bands").alias("band")).join(several, "band", "left_semi")
    rank = sf.row_number().over(Window.partitionBy("band").orderBy(ORDER, ID))
    return members.select("band", ID, rank.alias("rank"))


def _id(name: str) -> Column:
    return sf.col(ID).alias(name)

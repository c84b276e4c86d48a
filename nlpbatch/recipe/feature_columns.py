"""The columns that a model gets of analysed documents, made with Spark ML.

    FEATURES/split=train/part-….parquet   id, label, terms (a sparse vector), sequence (numbers)
    FEATURES/_nlpbatch/vocabulary.jsonl   a line for each term: its number, and the weight of rare terms
                      /features.json      how they were made, and from which version of the analysis

The vocabulary and its weights are learned from the training part alone; units that are only in the other parts stay
unknown.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import reduce
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.ml.feature import IDF, CountVectorizer, CountVectorizerModel, NGram
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import ArrayType, IntegerType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.sequences import FIRST_TERM, SequenceEncoder
from nlpbatch.recipe.settings import DESCRIPTION, UNITS, FeatureSettings, SinkSettings
from nlpbatch.spark.failure import failure
from nlpbatch.spark.runs.columns import TextColumn
from nlpbatch.spark.schema import named
from nlpbatch.spark.storage import Storage

NOUNS: Final = ("NNG", "NNP")
_META: Final = "_nlpbatch"
_BUCKETS: Final = 1_000_000
_UNITS: Final = "_units"
_ALL: Final = "_terms"


def write_features(
    spark: SparkSession,
    analysed: str,
    texts: tuple[TextColumn, ...],
    *,
    settings: FeatureSettings,
    sink: SinkSettings,
    origin: Mapping[str, Any],
    target: Storage,
) -> Mapping[str, Any]:
    """Write the features of an analysed data set; return their description, which is also written.

    Args:
        spark: Session.
        analysed: Output of the analysis job.
        texts: Its text columns.
        settings: What to make.
        sink: Format and partitions.
        origin: What the description says about the analysis, such as its fingerprint.
        target: Empty directory to write.

    Raises:
        ConfigError: A column isn't there, or no term is in as many documents as wanted.
        InternalError: Spark failed.

    """
    spark.sparkContext.setJobDescription("nlpbatch recipe: features")
    try:
        df = spark.read.parquet(analysed)
        _check_columns(df, settings, sink)
        kept = _kept(settings, sink)
        df = _with_ngrams(_selected(df, texts, settings, kept), settings.ngrams)
        train = df.where(sf.col("split") == "train") if settings.split.get("train") else df
        counter = _vocabulary(train, settings)
        df = counter.transform(df)
        weights: list[float] | None = None
        if settings.tfidf:
            idf = IDF(inputCol="terms", outputCol="weighted").fit(counter.transform(train))
            weights = idf.idf.toArray().tolist()
            df = idf.transform(df).drop("terms").withColumnRenamed("weighted", "terms")
        if settings.sequences:
            df = _with_sequence(df, counter.vocabulary)
        chosen = _renamed(df, kept, ["terms", *(["sequence"] if settings.sequences else []), "split"])
        counts = Observation("features")
        parts = [name for name, part in settings.split.items() if part]
        chosen = chosen.observe(counts, *(sf.count_if(sf.col("split") == name).alias(name) for name in parts))
        chosen.write.partitionBy("split", *sink.partition_by).format(sink.format).save(target.within(""))
        rows = {name: count for name, count in counts.get.items() if count}
    except (PySparkException, Py4JJavaError) as error:
        raise failure(error) from error
    found = {**origin, "rows": rows, "vocabulary": len(counter.vocabulary), "settings": asdict(settings)}
    _describe(target, found, counter.vocabulary, weights)
    return found


def check_features(df: DataFrame, texts: tuple[TextColumn, ...], settings: FeatureSettings, sink: SinkSettings) -> None:
    """Try what is made of columns that an analysis gives, without reading a row.

    Args:
        df: What an analysis gives.
        texts: Its text columns.
        settings: What to make.
        sink: Format and partitions.

    Raises:
        ConfigError: A column isn't there.
        PySparkException: A column can't be used.

    """
    _check_columns(df, settings, sink)
    kept = _kept(settings, sink)
    df = _with_ngrams(_selected(df, texts, settings, kept), settings.ngrams)
    df = _with_sequence(df, []) if settings.sequences else df
    _renamed(df, kept, ["split"])


def _kept(settings: FeatureSettings, sink: SinkSettings) -> dict[str, str]:
    """Return the data's columns that go along, and what they are called meanwhile.

    Their own names could be those of columns that are added, or have dots and backticks, which Spark ML doesn't quote.
    """
    names = dict.fromkeys([settings.id, *([settings.label] if settings.label else []), *sink.partition_by])
    return {name: f"_kept_{position}" for position, name in enumerate(names)}


def _selected(
    df: DataFrame, texts: tuple[TextColumn, ...], settings: FeatureSettings, kept: Mapping[str, str]
) -> DataFrame:
    own = [named(name).alias(meanwhile) for name, meanwhile in kept.items()]
    return df.select(*own, split_of(settings).alias("split"), _units(texts, settings.unit).alias(_UNITS))


def _renamed(df: DataFrame, kept: Mapping[str, str], added: list[str]) -> DataFrame:
    own = [sf.col(meanwhile).alias(name) for name, meanwhile in kept.items()]
    return df.select(*own, *(name for name in added if name not in kept))


def split_of(settings: FeatureSettings) -> Column:
    """Return the part that a row belongs to: by the hash of its id, so that it stays there when rows are added."""
    # Spark's own 64-bit xxHash with its default seed, so that anybody can compute where a document belongs.
    position = sf.pmod(sf.xxhash64(named(settings.id).cast("string")), sf.lit(_BUCKETS)) / _BUCKETS
    until, found = 0.0, None
    for name, part in settings.split.items():
        until += part
        condition = position < min(until, 1.0)
        found = sf.when(condition, name) if found is None else found.when(condition, name)
    assert found is not None  # noqa: S101  (the recipe's check: parts add up to 1)
    return found.otherwise(next(reversed([name for name, part in settings.split.items() if part])))


def _check_columns(df: DataFrame, settings: FeatureSettings, sink: SinkSettings) -> None:
    wanted = [settings.id, *([settings.label] if settings.label else []), *sink.partition_by]
    for name in wanted:
        if name not in df.columns:
            raise ConfigError(f"[features] the data has no column {name!r}: choose from {', '.join(df.columns)}")


def _units(texts: tuple[TextColumn, ...], unit: str) -> Column:
    """Return what all text columns of a row are made of, in order."""
    taken = UNITS[unit]

    def of(text: TextColumn) -> Column:
        tokens = named(text.names["tokens"])
        if text.is_array:
            tokens = sf.flatten(sf.filter(tokens, lambda one: one.isNotNull()))
        if unit == "nouns":
            tokens = sf.filter(tokens, lambda token: token["tag"].isin(*NOUNS))
        return sf.coalesce(sf.transform(tokens, lambda token: token[taken]), sf.array().cast("array<string>"))

    return reduce(sf.concat, map(of, texts))


def _with_ngrams(df: DataFrame, most: int) -> DataFrame:
    names = [_UNITS]
    for length in range(2, most + 1):
        names.append(f"_{length}grams")
        df = NGram(n=length, inputCol=_UNITS, outputCol=names[-1]).transform(df)
    return df.withColumn(_ALL, sf.concat(*names))


def _vocabulary(train: DataFrame, settings: FeatureSettings) -> CountVectorizerModel:
    counter = CountVectorizer(
        inputCol=_ALL, outputCol="terms", minDF=float(settings.min_documents), vocabSize=settings.vocabulary
    )
    found = counter.fit(train)
    if not found.vocabulary and train.isEmpty():
        raise ConfigError("[features] the training part has no documents: take more rows, or ease [analyze] where")
    if not found.vocabulary:
        raise ConfigError(
            f"[features] no term is in {settings.min_documents} documents of the training part: "
            "lower min_documents, or take more rows"
        )
    return found


def _with_sequence(df: DataFrame, vocabulary: list[str]) -> DataFrame:
    schema = StructType([*df.schema.fields, StructField("sequence", ArrayType(IntegerType()))])
    return df.mapInArrow(SequenceEncoder(_UNITS, vocabulary), schema)


def _describe(target: Storage, found: Mapping[str, Any], vocabulary: list[str], weights: list[float] | None) -> None:
    lines = (
        json.dumps(
            {"term": term, "index": index, "sequence": index + FIRST_TERM}
            | ({} if weights is None else {"idf": round(weights[index], 6)}),
            ensure_ascii=False,
        )
        for index, term in enumerate(vocabulary)
    )
    target.write_text(f"{_META}/vocabulary.jsonl", "\n".join(lines) + "\n")
    target.write_text(DESCRIPTION, json.dumps(found, ensure_ascii=False, indent=2) + "\n")

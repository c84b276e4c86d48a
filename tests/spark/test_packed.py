"""Files that tasks have encoded are those that Spark's own writer would have written, whatever is in them."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Observation
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from nlpbatch.client.columns.blocks import column_names
from nlpbatch.formats.malformed import MALFORMED_ERROR
from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.spark.packing import AnalysedColumn, Packing, PackingTask
from nlpbatch.spark.runs.packed import PIECES, SETTINGS, name_files, write_pieces
from nlpbatch.spark.runs.parquet_layout import parquet_layout
from nlpbatch.spark.schema import ERROR_TYPE, tokens_type
from nlpbatch.spark.storage import Storage

OUTCOME_FIELDS = [
    StructField("text", StringType()),
    StructField("tokens", tokens_type(("form", "start")), metadata={"nlpbatch.analyzer": "default"}),
    StructField("error", ERROR_TYPE),
]
ALPHABET = "가나다1 \n\t\0😀éx"
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (of timestamps without a time zone, too)


def text(chance):
    return "".join(chance.choices(ALPHABET, k=chance.randrange(12)))


def moment(chance):
    return EPOCH + timedelta(microseconds=chance.randrange(-(10**16), 10**16))


VALUES = {
    BooleanType(): lambda chance: chance.random() < 0.5,
    ByteType(): lambda chance: chance.randrange(-128, 128),
    ShortType(): lambda chance: chance.randrange(-(2**15), 2**15),
    IntegerType(): lambda chance: chance.randrange(-(2**31), 2**31),
    LongType(): lambda chance: chance.randrange(-(2**63), 2**63),
    FloatType(): lambda chance: chance.choice([0.5, -0.0, float("inf"), -1.25e10]),
    DoubleType(): lambda chance: chance.choice([0.1, -0.0, float("-inf"), chance.random()]),
    StringType(): text,
    BinaryType(): lambda chance: bytearray(chance.randbytes(chance.randrange(9))),
    DateType(): lambda chance: date(1, 1, 1) + timedelta(days=chance.randrange(3_000_000)),
    DecimalType(9, 2): lambda chance: Decimal(chance.randrange(-(10**9) + 1, 10**9)).scaleb(-2),
    DecimalType(18, 6): lambda chance: Decimal(chance.randrange(-(10**18) + 1, 10**18)).scaleb(-6),
    DecimalType(38, 9): lambda chance: Decimal(chance.randrange(-(10**28), 10**28)).scaleb(-9),
    TimestampType(): lambda chance: moment(chance).replace(tzinfo=UTC),
}
NTZ = {TimestampNTZType(): moment}


def kind(chance, plain, depth=2):
    """Return any type."""
    if depth == 0 or chance.random() < 0.5:
        return chance.choice(list(plain))
    inner = [kind(chance, plain, depth - 1) for _ in range(2)]
    if chance.random() < 0.4:
        return ArrayType(inner[0], chance.random() < 0.7)
    if chance.random() < 0.5:
        return MapType(chance.choice([StringType(), LongType(), DateType()]), inner[1], chance.random() < 0.7)
    return StructType([StructField(name, one) for name, one in zip("a가", inner, strict=True)])


def value(chance, plain, of, *, nullable=True):
    """Return any value of a type."""
    if nullable and chance.random() < 0.2:
        return None
    if isinstance(of, ArrayType):
        return [value(chance, plain, of.elementType, nullable=of.containsNull) for _ in range(chance.randrange(4))]
    if isinstance(of, MapType):
        keys = {value(chance, plain, of.keyType, nullable=False) for _ in range(chance.randrange(4))}
        return {key: value(chance, plain, of.valueType, nullable=of.valueContainsNull) for key in keys}
    if isinstance(of, StructType):
        return tuple(value(chance, plain, field.dataType) for field in of)
    return plain[of](chance)


def outcome(chance):
    if chance.random() < 0.2:
        return ("x", None, ("invalid_text", "…", 1, None))
    return chance.choice([("x", [("가", 0), ("나", 1)], None), ("", [], None), (None, None, None)])


@pytest.fixture(scope="module")
def session(spark):
    session = spark.newSession()
    for name, setting in {**SETTINGS, "spark.sql.session.timeZone": "Asia/Seoul"}.items():
        session.conf.set(name, setting)
    return session


def packed(session, df, folder, **changes):
    """Write rows that have their outcome as a job's tasks would."""
    layout = parquet_layout(session, df.schema)
    assert isinstance(layout, ParquetLayout), layout
    position = {name: number for number, name in enumerate(df.columns)}
    packing = Packing(
        names=tuple(df.columns),
        nullable=tuple(field.nullable for field in df.schema),
        layout=layout,
        columns=(AnalysedColumn(position["text"], position["tokens"], position["error"]),),
        answer="tokens",
        codes=("invalid_text",),
        ok="ok",
        failed="dead",
        corrupt=None,
        malformed=MALFORMED_ERROR,
    )
    counts = Observation("test")
    pieces = df.toDF(*column_names(len(df.columns))).mapInArrow(PackingTask([], packing), PIECES)
    write_pieces(pieces, counts, str(folder / "packed"))
    name_files(Storage(session, str(folder)), "packed", layout.compression)
    return counts.get


def by_spark(df, folder):
    rows = df.selectExpr("*", "CASE WHEN error IS NOT NULL THEN 'dead' ELSE 'ok' END AS _nlpbatch_outcome")
    rows.write.partitionBy("_nlpbatch_outcome").parquet(str(folder / "spark"))


def files(folder, outcome="ok"):
    return sorted((folder / f"_nlpbatch_outcome={outcome}").glob("*.parquet"))


def with_polars(path):
    return pl.read_parquet(path).to_dicts()


def with_duckdb(path):
    return duckdb.read_parquet(str(path)).fetchall()


def footer(file):
    """Return the footer's keys and values, the schema as it is meant."""
    return {key: json.loads(text) if text[:1] == b"{" else text for key, text in file.metadata.metadata.items()}


def columns(file):
    """Return all that a footer says of the columns."""
    schema = file.schema
    found = (schema.column(number) for number in range(len(schema)))
    return [
        (
            one.path,
            one.physical_type,
            str(one.logical_type),
            one.length,
            one.max_definition_level,
            one.max_repetition_level,
        )
        for one in found
    ]


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_of_writing_give_the_same_tables(session, tmp_path, seed):
    chance = random.Random(seed)
    plain = {**VALUES, **(NTZ if seed % 2 else {})}
    if seed % 2:
        del plain[TimestampType()]
    some = list(plain) if seed < 2 else []
    kinds = [*some, *(kind(chance, plain) for _ in range(8))]
    own = [StructField(f"c{number} `.;{number}", one) for number, one in enumerate(kinds)]
    schema = StructType([*own, *OUTCOME_FIELDS])
    rows = [(*(value(chance, plain, one) for one in kinds), *outcome(chance)) for _ in range(120)]
    df = session.createDataFrame(rows, schema, verifySchema=False).coalesce(1)
    counts = packed(session, df, tmp_path)
    by_spark(df, tmp_path)
    read = {way: session.read.parquet(str(tmp_path / way)) for way in ("packed", "spark")}
    assert read["packed"].schema == read["spark"].schema
    assert read["packed"].schema.json() == read["spark"].schema.json()
    for outcome_name in ("ok", "dead"):
        paths = [path for way in ("packed", "spark") for path in files(tmp_path / way, outcome_name)]
        tables = [session.read.parquet(f"file:{path}").collect() for path in paths]
        assert tables[0] == tables[1]
        assert tables[0]
        ours, theirs = map(pq.ParquetFile, paths)
        assert columns(ours) == columns(theirs)
        assert footer(ours) == footer(theirs)
        assert ours.schema_arrow == theirs.schema_arrow
        assert ours.read().to_pylist() == theirs.read().to_pylist()
        for read_elsewhere in (with_polars, with_duckdb):
            assert read_elsewhere(paths[0]) == read_elsewhere(paths[1])
    assert counts["rows"] == 120
    assert counts["dead"] == counts["error_invalid_text"] == sum(row[-1] is not None for row in rows)
    assert counts["nulls"] == sum(row[-3] is None for row in rows)
    assert counts["tokens"] == sum(len(row[-2] or ()) for row in rows)

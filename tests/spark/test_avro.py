"""Avro, which Spark reads with a module of its own: the columns of all files, and what is said without the module."""

import datetime as dt
import decimal

import fastavro
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.inputs import Input
from tests.fakes.avro_jar import avro_jar

ID = {"name": "id", "type": "long"}
TEXT = {"name": "text", "type": ["null", "string"]}


def write(path, fields, *rows, codec="deflate"):
    schema = fastavro.parse_schema({"type": "record", "name": "review", "fields": list(fields)})
    with path.open("wb") as file:
        fastavro.writer(file, schema, rows, codec=codec)


def look(session, folder, **options):
    return Input.look(session, str(folder), format_name=None, reader=options, ddl=None)


def rows_of(session, source):
    files = BatchFiles.of(session, source, source.files)
    return sorted(files.rows().toArrow().to_pylist(), key=lambda row: row["id"]), files.set_aside


def test_without_the_module_the_package_is_named(spark, tmp_path):
    session = spark.newSession()
    write(tmp_path / "a.avro", [ID, TEXT], {"id": 1, "text": "하나"})
    with pytest.raises(ConfigError, match=rf"--packages org\.apache\.spark:spark-avro_2\.13:{spark.version}$"):
        look(session, tmp_path)


@pytest.fixture
def session(spark):
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.sql(f"ADD JAR {avro_jar()}")
    return session


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard", "bzip2"])
def test_rows_are_those_that_were_written(session, tmp_path, codec):
    fields = [
        ID,
        TEXT,
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}},
        {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["A", "B"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "counts", "type": {"type": "map", "values": "int"}},
    ]
    moment = dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, dt.UTC)
    row = {"at": moment, "local": moment.replace(tzinfo=None), "day": dt.date(2024, 5, 1), "kind": "B", "tags": ["가"]}
    row |= {"price": decimal.Decimal("-1.25"), "counts": {"가": 1}}
    written = [row | {"id": number, "text": text} for number, text in enumerate(["하나", None])]
    write(tmp_path / "a.avro", fields, *written, codec=codec)
    found, set_aside = rows_of(session, look(session, tmp_path))
    assert [one | {"counts": dict(one["counts"])} for one in found] == written
    assert set_aside == {}


def test_files_with_other_columns_are_one_table(session, tmp_path):
    write(tmp_path / "a.avro", [ID, TEXT], {"id": 1, "text": "하나"})
    write(tmp_path / "b.avro", [{"name": "stars", "type": "int"}, TEXT, ID], {"id": 2, "text": "둘", "stars": 5})
    found, _ = rows_of(session, look(session, tmp_path))
    assert found == [{"id": 1, "text": "하나", "stars": None}, {"id": 2, "text": "둘", "stars": 5}]


def test_a_schema_of_ones_own_is_taken(session, tmp_path):
    write(tmp_path / "a.avro", [ID, TEXT, {"name": "stars", "type": "int"}], {"id": 1, "text": "하나", "stars": 5})
    schema = '{"type": "record", "name": "review", "fields": [{"name": "id", "type": "long"}]}'
    found, _ = rows_of(session, look(session, tmp_path, avroSchema=schema))
    assert found == [{"id": 1}]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"name": "text", "type": ["null", "int"]}, "column 'text' is string in .*a\\.avro and int in .*b\\.avro"),
        ({"name": "Text", "type": "string"}, "columns 'text' and 'Text' differ in case only: rename one"),
    ],
)
def test_files_that_disagree_are_refused_with_the_column(session, tmp_path, other, said):
    write(tmp_path / "a.avro", [ID, TEXT], {"id": 1, "text": "하나"})
    write(tmp_path / "b.avro", [ID, other], {"id": 2, other["name"]: 3 if "int" in other["type"] else "둘"})
    with pytest.raises(ConfigError, match=said):
        look(session, tmp_path)


@pytest.mark.parametrize("damage", ["another format", "cut short"])
def test_a_damaged_file_among_good_ones_is_set_aside(session, tmp_path, damage):
    write(tmp_path / "a.avro", [ID, TEXT], {"id": 1, "text": "하나"})
    write(tmp_path / "b.avro", [ID, TEXT], *({"id": n, "text": "둘" * 99} for n in range(99)), codec="null")
    whole = (tmp_path / "b.avro").read_bytes()
    (tmp_path / "b.avro").write_bytes(b"PAR1" * 9 if damage == "another format" else whole[: len(whole) // 2])
    source = look(session, tmp_path)
    files = BatchFiles.of(session, source, source.files)
    if damage == "cut short":  # which shows only where its rows are read
        with pytest.raises((PySparkException, Py4JJavaError)) as caught:
            files.rows().toArrow()
        assert files.sets_aside(caught.value)
    rows = files.rows().toArrow().to_pylist()
    assert rows == [{"id": 1, "text": "하나"}]
    assert [path.rpartition("/")[2] for path in files.set_aside] == ["b.avro"]


def test_nothing_but_damage_is_refused(session, tmp_path):
    (tmp_path / "a.avro").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"no file of it can be read: .*a\.avro: it is damaged"):
        look(session, tmp_path)

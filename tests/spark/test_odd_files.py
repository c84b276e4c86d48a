"""Files that people have, read by a job: the rows that the tool read which wrote them, or a refusal with its reason."""

import re
from datetime import datetime

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import UTF_8
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.inputs import Input
from tests.fakes.odd_files import CASES


@pytest.fixture(scope="module")
def session(spark):
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def look(session, case, folder):
    path = f"{folder}/{case.path}" if case.path else str(folder)
    return Input.look(
        session,
        path,
        format_name=None,
        reader=case.options.get("reader", {}),
        ddl=None,
        encoding=case.encoding or UTF_8,
    )


def taken(session, source):
    """Return the rows of all files that can be read, as a micro-batch takes them, and the others with the reason."""
    files = BatchFiles.of(session, source, source.files)
    while True:
        try:
            rows = files.rows().toArrow().to_pylist()
            assert files.count() in {None, len(rows)}
        except (PySparkException, Py4JJavaError) as error:
            if not files.sets_aside(error):
                raise
        else:
            return rows, files.set_aside


def in_order(rows):
    return sorted(({name: naive(value) for name, value in row.items()} for row in rows), key=repr)


def naive(value):
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", CASES)
def test_a_job_takes_what_the_tool_reads_that_wrote_it(session, tmp_path, name):
    case = CASES[name]
    expected = case.write(tmp_path)
    if case.refused is not None:
        with pytest.raises(ConfigError, match=case.refused) as caught:
            look(session, case, tmp_path)
        assert "\n" not in caught.value.message
        return
    source = look(session, case, tmp_path)
    rows, set_aside = taken(session, source)
    dead = [row for row in rows if row.get(CORRUPT) is not None]
    good = [{key: value for key, value in row.items() if key != CORRUPT} for row in rows if row not in dead]
    assert in_order(good) == in_order([dict.fromkeys(good[0]) | row for row in expected])
    assert len(dead) == case.dead
    assert {path.rpartition("/")[2] for path in set_aside} == set(case.set_aside)
    for path, reason in set_aside.items():
        assert re.search(case.set_aside[path.rpartition("/")[2]], reason)


def test_an_encoding_may_be_given_among_the_readers_options(session, tmp_path):
    expected = CASES["CP949 with its encoding"].write(tmp_path)
    source = Input.look(session, str(tmp_path), format_name=None, reader={"charset": "EUC-KR"}, ddl=None)
    rows, _ = taken(session, source)
    assert in_order({key: row[key] for key in expected[0]} for row in rows) == in_order(expected)


@pytest.mark.parametrize(
    ("ddl", "types"),
    [
        ("id int, text string, more double", {"id": "int", "text": "string", "more": "double"}),
        ("text string", {"text": "string"}),
        ("TEXT string, Id string", {"TEXT": "string", "Id": "string"}),
    ],
)
def test_columns_that_are_given_are_found_by_name_in_each_csv_file(session, tmp_path, ddl, types):
    (tmp_path / "a.csv").write_text("id,text\n1,하나\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("more;text;id\n2.5;둘;2\n", encoding="utf-8")
    source = Input.look(session, str(tmp_path), format_name=None, reader={}, ddl=ddl)
    assert {one.name: one.dataType.simpleString() for one in source.schema if one.name != CORRUPT} == types
    rows, set_aside = taken(session, source)
    assert ([row[CORRUPT] for row in rows], set_aside) == ([None, None], {})
    assert {row[next(name for name in types if name.lower() == "text")] for row in rows} == {"하나", "둘"}


@pytest.mark.parametrize(
    ("ddl", "said"),
    [
        ("id int, title string", "no file has the column 'title' of --schema: there are id, text"),
        ("text strin", "schema 'text strin' can't be read: .*UNSUPPORTED_DATATYPE.*write it as"),
        ("string", "schema 'string' names no columns: write it as"),
    ],
)
def test_columns_that_are_given_and_are_not_there_are_refused(session, tmp_path, ddl, said):
    (tmp_path / "a.csv").write_text("id,text\n1,하나\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        Input.look(session, str(tmp_path), format_name=None, reader={}, ddl=ddl)

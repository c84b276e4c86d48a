"""Files that people have, read by a job: the rows that the tool read which wrote them, or a refusal with its reason."""

import re
from datetime import datetime

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from nlpbatch.errors import ConfigError
from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.formats import CORRUPT
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
    files = BatchFiles.of(session, source, source.files, MAX_RECORD_LINES)
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

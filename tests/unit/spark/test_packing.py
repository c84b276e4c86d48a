"""A task's rows leave as pieces of Parquet files, from which a sink of lines makes the files again."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.client.columns.blocks import column_names
from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE
from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.spark import packing as packing_module
from nlpbatch.spark.packing import COUNTED, LINE_SEP, AnalysedColumn, Packing, PackingTask
from nlpbatch.wire.arrow import token_type

CODES = ("invalid_text", "malformed_record")
NAMES = ("id", "text", "corrupt", "tokens", "error")
ERROR = {"code": "invalid_text", "message": "…", "attempts": 1, "request_id": None}
MALFORMED = {"code": "malformed_record", "message": "!"}


def packing(corrupt=None, **layout):
    return Packing(
        names=NAMES,
        nullable=(False, True, True, True, True),
        layout=ParquetLayout(**layout),
        columns=(AnalysedColumn(text=1, found=3, error=4),),
        answer="tokens",
        codes=CODES,
        ok="ok",
        failed="dead",
        corrupt=corrupt,
        malformed=MALFORMED,
    )


def rows(*records):
    """Return a block as `AnalyzeTask` gives it, of (id, text, corrupt line, tokens, error)."""
    tokens = pa.list_(token_type(("form",)))
    types = [pa.int64(), pa.string(), pa.string(), tokens, OUTCOME_ERROR_TYPE]
    columns = zip(*records, strict=True) if records else [[] for _ in types]
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=column_names(len(types)))


def good(number, text="가나", forms=("가", "나")):
    return (number, text, None, [{"form": form} for form in forms], None)


def bad(number):
    return (number, "x", None, None, ERROR)


def run(batches, how=None, tasks=()):
    """Return the files that the sink writes, by outcome, the counts, and how many rows were yielded."""
    files, counts, yielded = {}, [], 0
    for batch in PackingTask(tasks, how or packing())(iter(batches)):
        yielded += batch.num_rows
        pieces = batch.column(1).view(pa.binary())
        for outcome, piece, counted in zip(
            batch.column(0).to_pylist(), pieces.to_pylist(), batch.column(2), strict=True
        ):
            if piece is None:
                assert outcome is None
            else:
                files[outcome] = files.get(outcome, b"") + piece + LINE_SEP.encode()
            if counted.is_valid:
                counts.append(counted.as_py())
    return {outcome: pq.ParquetFile(io.BytesIO(file)).read() for outcome, file in files.items()}, counts, yielded


def test_rows_with_an_error_are_in_a_file_of_their_own_both_in_order():
    files, (counts,), yielded = run([rows(good(1), bad(2), good(3)), rows(good(4), bad(5))])
    assert {outcome: table["id"].to_pylist() for outcome, table in files.items()} == {"ok": [1, 3, 4], "dead": [2, 5]}
    assert files["dead"]["error"].to_pylist() == [ERROR, ERROR]
    assert files["ok"].schema.names == list(NAMES)
    assert not files["ok"].schema.field("id").nullable
    assert dict(zip(COUNTED, counts, strict=False)) == {
        "rows": 5,
        "dead": 2,
        "nulls": 0,
        "tokens": 6,
        "text_bytes": 3 * 6 + 2,
    }
    assert counts[len(COUNTED) :] == [2, 0, 0]
    assert yielded == 5


def test_counts_are_there_once_if_all_rows_have_failed():
    files, (counts,), _ = run([rows(bad(1)), rows(bad(2))])
    assert list(files) == ["dead"]
    assert counts[:2] == [2, 2]


def test_a_task_without_rows_writes_no_file():
    assert run([]) == ({}, [], 0)


def test_codes_that_nobody_knows_are_counted_together():
    unknown = (1, "x", None, None, {**ERROR, "code": "new"})
    _, (counts,), _ = run([rows(unknown, bad(2))])
    assert counts[len(COUNTED) :] == [1, 0, 1]


def test_a_line_that_could_not_be_parsed_is_a_dead_letter_with_its_own_error():
    line = (1, None, "{oops", None, None)
    files, (counts,), _ = run([rows(line, good(2)), rows(good(3))], packing(corrupt=2))
    assert files["ok"]["id"].to_pylist() == [2, 3]
    assert files["dead"]["error"].to_pylist() == [{**MALFORMED, "attempts": None, "request_id": None}]
    assert counts[len(COUNTED) :] == [0, 1, 0]


def test_text_columns_are_analysed_one_after_the_other():
    order = []

    def task(name):
        def passed_on(batches):
            for batch in batches:
                order.append((name, batch.num_rows))
                yield batch

        return passed_on

    run([rows(good(1)), rows(good(2), good(3))], tasks=[task("a"), task("b")])
    assert order == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("piece_bytes", [1, 64, 1_000])
def test_files_are_the_same_however_they_are_cut(monkeypatch, compression, piece_bytes):
    monkeypatch.setattr(packing_module, "_PIECE_BYTES", piece_bytes)
    chance = random.Random(7)
    blocks = [
        rows(*(good(n, text="1" * chance.randrange(9), forms=[str(chance.random())]) for n in range(start, start + 50)))
        for start in range(0, 500, 50)
    ]
    files, (counts,), _ = run(blocks, packing(compression=compression, row_group_bytes=2_000))
    whole = pa.Table.from_batches(blocks).rename_columns(NAMES)
    assert files["ok"].to_pylist() == whole.to_pylist()
    assert counts[0] == 500


def test_a_task_yields_as_many_rows_as_it_has_answered_while_it_runs():
    yielded = [0]

    def blocks():
        for number in range(10):
            yield rows(*(good(n) for n in range(100)))
            assert yielded[0] >= number * 100 - 2

    for batch in PackingTask([], packing(row_group_bytes=1))(blocks()):
        yielded[0] += batch.num_rows
    assert yielded == [1_000]
    assert [run([rows(*some)])[2] for some in ([good(1)], [good(1), bad(2)], [bad(1), bad(2), bad(3)])] == [1, 2, 3]


def test_a_piece_is_longer_where_no_byte_ends_it(monkeypatch):
    monkeypatch.setattr(packing_module, "_PIECE_BYTES", 1_000)
    text = "가" * 100_000
    files, _, _ = run([rows(good(1, text=text, forms=[]))], packing(compression="none", row_group_bytes=1))
    assert files["ok"]["text"].to_pylist() == [text]

import pyarrow as pa

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.columns.text_columns import text_columns, with_outcomes
from nlpbatch.files import part_rows
from nlpbatch.files.counts import Outcomes
from nlpbatch.files.part_rows import PartRows
from nlpbatch.wire.options import Options

ASKED = Options(fields=("form",))
TEXT = pa.schema([("text", pa.string())])
COLUMNS = text_columns(TEXT, ["text"], ASKED)
SCHEMA = with_outcomes(TEXT, COLUMNS)


def rows_of(stats):
    return PartRows(1, Outcomes(SCHEMA, COLUMNS, "tokens"), stats)


def batch_of(*texts):
    return pa.RecordBatch.from_pylist([{"text": text, "tokens": [{"form": text}]} for text in texts], schema=SCHEMA)


def test_what_requests_took_is_in_one_part_or_the_next():
    answered = 0

    def stats():
        return TaskStats(answered=answered)

    answered = 3
    first = rows_of(stats)
    first.add(batch_of("가", "나"))
    answered = 5
    part = first.part()
    answered = 6  # while the part is written
    second = first.following()
    second.add(batch_of("다"))
    answered = 9
    assert (part.counts.rows, part.counts.tokens, part.stats.answered) == (2, 2, 2)
    assert (second.number, second.part().counts.rows, second.part().stats.answered) == (2, 1, 4)


def test_a_part_is_full_by_its_bytes_or_its_time(monkeypatch):
    rows = rows_of(TaskStats)
    rows.add(batch_of("가"))
    assert not rows.is_full
    monkeypatch.setattr(part_rows, "_PART_BYTES", 1)
    assert rows.is_full
    monkeypatch.setattr(part_rows, "_PART_BYTES", 1_000_000)
    monkeypatch.setattr(part_rows, "_PART_S", 0.0)
    assert rows.is_full

"""Blocks side by side: together they have each record of a file once, wherever they begin."""

import csv
import io
import json
import random

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.layouts import Lines, layout_of
from nlpbatch.sampling.spans import records_of
from nlpbatch.sampling.windows import Window
from nlpbatch.wire.limits import MIB

BLOCK = 500
WORDS = ["재밌다", "영화", '5"', "그는, 말했다", '"인용"', "지루", "a,b", "좋아요!", "", " "]
PLENTY = 10**9


class Counted(io.BytesIO):
    """Bytes that know how many of them were read."""

    count = 0

    def read(self, size=-1):
        data = super().read(size)
        self.count += len(data)
        return data


def table(columns, quoting, line_end):
    """Return CSV with texts of several lines in the last column, and a value a column."""
    chance = random.Random(columns)
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator=line_end)
    writer.writerow([f"c{number}" for number in range(columns)])
    for number in range(200):
        lines = chance.choice([1, 1, 1, 2, 5, 30])
        text = "\n".join(" ".join(chance.choices(WORDS, k=chance.randrange(6))) for _ in range(lines))
        writer.writerow([*(str(number) for _ in range(columns - 1)), text or "x"])
    return out.getvalue().encode()


def blocks(data, lines, block_bytes):
    """Return the records of each block, read by itself."""
    layout = layout_of(Window(io.BytesIO(data), len(data)), "data", lines)
    for start in range(0, len(data), block_bytes):
        window = Window(io.BytesIO(data), len(data))
        end = min(start + block_bytes, len(data))
        yield [(at, record and record.values) for at, record in records_of(window, layout, start, end, PLENTY)]


def whole(data, lines):
    return next(blocks(data, lines, len(data)))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["some quotes", "all quotes"])
@pytest.mark.parametrize("columns", [1, 2, 4])
def test_blocks_that_begin_within_quotes_are_read_right(columns, quoting, line_end):
    data = table(columns, quoting, line_end)
    found = list(blocks(data, Lines("csv", ","), BLOCK))
    assert [record for block in found for record in block] == whole(data, Lines("csv", ","))
    assert len(found) > 50
    assert any(not block for block in found)  # so that some begin and end within quotes


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("kind", ["json", "text", "csv"])
def test_lines_are_read_once_whatever_ends_them(kind, line_end):
    rows = [json.dumps({"n": number, "text": "가" * (number % 40)}) for number in range(300)]
    lines = ["n,text", *(f"{number},{'가' * (number % 40)}" for number in range(300))] if kind == "csv" else rows
    data = line_end.join(lines).encode()
    for block_bytes in (61, BLOCK):
        found = [record for block in blocks(data, Lines(kind), block_bytes) for record in block]
        assert found == whole(data, Lines(kind))
        assert len(found) == 300


def test_a_block_within_a_long_line_reads_no_further():
    data = b"a\n" + b"x" * 1_000_000 + b"\nb\n"
    file = Counted(data)
    window = Window(file, len(data))
    layout = layout_of(window, "data", Lines("text"))
    file.count = 0
    assert list(records_of(window, layout, 500_000, 500_000 + BLOCK, PLENTY)) == []
    assert file.count <= BLOCK + 3


def test_a_record_that_is_too_long_is_counted_and_those_after_it_are_read():
    data = b"a\n" + b"x" * 3_000_000 + b"\nb\n"
    file = Counted(data)
    window = Window(file, len(data))
    layout = layout_of(window, "data", Lines("text"))
    found = list(records_of(window, layout, 0, len(data), MIB))
    assert [(at, record and record.values) for at, record in found] == [(0, [b"a"]), (2, None), (3_000_003, [b"b"])]
    assert file.count == len(data)


def test_a_file_is_read_once():
    data = table(2, csv.QUOTE_MINIMAL, "\n")
    file = Counted(data)
    window = Window(file, len(data))
    layout = layout_of(window, "data", Lines("csv"))
    assert len(list(records_of(window, layout, 0, len(data), PLENTY))) == 200
    assert file.count == len(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{\n "a": 1\n}\n', r"has JSON objects over several lines: .*jq -c"),
        ('[{"a": 1},\n{"a": 2}]\n', r"is one JSON array, unlike the first file: .*jq -c"),
    ],
)
def test_json_that_is_not_in_lines_is_refused_with_the_remedy(data, message):
    with pytest.raises(ConfigError, match=message):
        layout_of(Window(io.BytesIO(data.encode()), len(data)), "data.json", Lines("json"))


def test_a_header_that_never_ends_is_refused():
    data = b'a,"b\n' + b"1,2\n" * 4_500_000
    with pytest.raises(ConfigError, match=r"its first record does not end within 16,\d+,\d+ bytes: close its quotes"):
        layout_of(Window(io.BytesIO(data), len(data)), "data.csv", Lines("csv"))

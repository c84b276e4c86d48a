"""Compares every row and every field with `Kiwi().tokenize` or `MeCab().parse`, and ends in 1 on any difference.

    spark-submit jobs/analyze.py --input IN --text review --output OUT --service URL --fields <all of them>
    python tests/benchmarks/compare_tokens.py --input IN --text review --output-of-job OUT

    python tests/benchmarks/compare_tokens.py --input IN --text review --service URL --sample 10000

With --engine mecab they are compared with MeCab's own; the analyzer of that service, or of that job, must be MeCab.
python-mecab-ko counts places from the first token on, where blanks precede that: such rows are counted apart.
With --output-of-job it also checks that the output has exactly the rows of the input, in whatever order.
All cores are used, each with an engine of its own (Kiwi takes 0.8 GB); memory doesn't grow with the data.
"""

import argparse
import hashlib
import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate, chain
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from nlpbatch import Client
from nlpbatch.engine.normalise import normalise
from nlpbatch.wire.arrow import answer_schema
from nlpbatch.wire.fields import KIWI_FIELDS, MECAB_FIELDS
from nlpbatch.wire.options import Options

_BATCH_ROWS = 1000
_PENDING_PER_WORKER = 3
_PROGRESS_S = 10.0
_SHOWN = 5
_FIELDS = {"kiwi": KIWI_FIELDS, "mecab": tuple(name for name in MECAB_FIELDS if name != "oov")}
"""Those that the engine by itself gives, too."""
_MECABS_BLANKS = " \t\n\v\r"


@dataclass
class Tally:
    """What has been compared so far; `differences` are the first few, in words."""

    equal: int = 0
    normalised: int = 0
    """Texts with decomposed or invisible characters, whose tokens are those of the text without."""
    moved: int = 0
    """Texts that begin with blanks, whose tokens are MeCab's at their place in the text."""
    different: int = 0
    without_text: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.equal += other.equal
        self.normalised += other.normalised
        self.moved += other.moved
        self.different += other.different
        self.without_text += other.without_text
        self.differences = [*self.differences, *other.differences][:_SHOWN]


def main() -> int:
    """Compare, print the counts, return the exit code."""
    arguments = _parse()
    compared = ds.dataset(arguments.output_of_job or arguments.input, format="parquet")
    total = compared.count_rows()
    step = max(1, total // arguments.sample) if arguments.sample else 1
    tally = Tally()
    started_s = shown_s = time.monotonic()
    for part in _parallel(arguments, _batches(compared, arguments, step)):
        tally.add(part)
        if time.monotonic() - shown_s > _PROGRESS_S:
            shown_s = time.monotonic()
            print(f"{tally.equal + tally.different:,} of {total // step:,} rows", file=sys.stderr, flush=True)
    rows = True if arguments.output_of_job is None else _check_rows(arguments.input, compared)
    for line in tally.differences:
        print(f"different: {line}")
    print(f"compared {', '.join(_fields(compared, arguments))}")
    print(
        f"equal {tally.equal:,}, normalised {tally.normalised:,}, moved {tally.moved:,}, "
        f"different {tally.different:,}, without text {tally.without_text:,}, "
        f"of {total:,} rows in {time.monotonic() - started_s:,.0f} s"
    )
    return 0 if tally.equal and not tally.different and rows else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare tokens with the engine's own, row by row and field by field.")
    parser.add_argument("--input", required=True, help="Parquet file or directory with the texts")
    parser.add_argument("--text", required=True, metavar="COLUMN", help="its string column")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--output-of-job", metavar="DIR", help="what jobs/analyze.py wrote for this input")
    source.add_argument("--service", metavar="URL", help="send the texts there instead")
    parser.add_argument("--api-key", default=os.environ.get("NLPBATCH_API_KEY"), help="key for it (NLPBATCH_API_KEY)")
    parser.add_argument("--engine", choices=tuple(_FIELDS), default="kiwi", help="whose tokens to compare with")
    parser.add_argument("--analyzer", default="default", help="analyzer of the service to ask (default: %(default)s)")
    parser.add_argument("--encoding", choices=("arrow", "json"), default="arrow", help="how to ask the service")
    parser.add_argument("--sample", type=int, metavar="N", help="compare about N rows, spread evenly")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    return parser.parse_args()


def _fields(compared: ds.Dataset, arguments: argparse.Namespace) -> list[str]:
    """Return the fields to compare: all that are offered, or those that the job was asked for."""
    if arguments.service:
        return list(_FIELDS[arguments.engine])
    return [item.name for item in compared.schema.field("tokens").type.value_type]


def _batches(compared: ds.Dataset, arguments: argparse.Namespace, step: int) -> Iterator[pa.RecordBatch]:
    """Yield every `step`-th row, with the outcome if it is there already."""
    columns = [arguments.text] if arguments.service else [arguments.text, "tokens", "error"]
    position = 0
    for batch in compared.to_batches(columns=columns, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1):
        picked = range(-position % step, batch.num_rows, step)
        position += batch.num_rows
        if picked:
            yield batch.take(pa.array(picked, pa.int64())) if step > 1 else batch


def _parallel(arguments: argparse.Namespace, batches: Iterable[pa.RecordBatch]) -> Iterator[Tally]:
    """Yield the tally of each batch, with few of them under way at a time."""
    context = multiprocessing.get_context("spawn")  # Kiwi's threads wouldn't survive a fork
    given = (arguments.engine, arguments.service, arguments.api_key, arguments.encoding, arguments.analyzer)
    pending: deque[Future[Tally]] = deque()
    with ProcessPoolExecutor(arguments.workers, context, initializer=_prepare, initargs=given) as pool:
        for batch in batches:
            pending.append(pool.submit(_compare, batch))
            if len(pending) >= arguments.workers * _PENDING_PER_WORKER:
                yield pending.popleft().result()
        for future in pending:
            yield future.result()


_prepared: dict[str, Any] = {}


def _prepare(engine: str, service: str | None, api_key: str | None, encoding: str, analyzer: str) -> None:
    _prepared["tokenize"] = _kiwi() if engine == "kiwi" else _mecab()
    _prepared["client"] = Client(service, api_key=api_key) if service else None
    _prepared["ask"] = _ask_json if encoding == "json" else _ask
    _prepared["asked"] = Options(analyzer=analyzer, fields=_FIELDS[engine])


def _kiwi() -> Callable[[str], Sequence[Any]]:
    from kiwipiepy import Kiwi  # noqa: PLC0415  (takes 0.8 GB)

    return Kiwi().tokenize


def _mecab() -> Callable[[str], Sequence[Any]]:
    """Return `MeCab().parse` with tokens that have our names for what they hold."""
    from mecab import MeCab  # noqa: PLC0415

    parse = MeCab().parse

    def tokenize(text: str) -> list[Any]:
        return [
            SimpleNamespace(
                form=one.surface,
                tag=one.feature.pos,
                start=one.span.start,
                end=one.span.end,
                len=one.span.end - one.span.start,
                **one.feature._asdict(),
            )
            for one in parse(text)
        ]

    return tokenize


def _compare(batch: pa.RecordBatch) -> Tally:
    texts = batch.column(0)
    outcomes = (batch.column(1), batch.column(2)) if _prepared["client"] is None else _prepared["ask"](texts)
    tokens, errors = outcomes
    expected = _expected(texts, [item.name for item in tokens.type.value_type], tokens.type)
    if errors.null_count == len(errors) and tokens.equals(expected):
        return Tally(equal=len(texts) - texts.null_count, without_text=texts.null_count)
    return _row_by_row(texts, tokens, errors, expected)


def _ask(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    asked = _prepared["asked"]
    answer = _prepared["client"].analyze_arrow(texts, analyzer=asked.analyzer, fields=asked.fields).combine_chunks()
    return answer.column("tokens").chunk(0), answer.column("error").chunk(0)


def _ask_json(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Ask in JSON, and return the columns that Arrow would have brought."""
    options = _prepared["asked"]
    rows = [
        {
            "tokens": outcome.tokens if outcome.tokens is None else [token.as_dict() for token in outcome.tokens],
            "error": outcome.error and {"code": outcome.error.code, "message": outcome.error.message},
        }
        for outcome in _prepared["client"].analyze(texts.to_pylist(), analyzer=options.analyzer, fields=options.fields)
    ]
    answer = pa.RecordBatch.from_pylist(rows, schema=answer_schema(options))
    return answer.column("tokens"), answer.column("error")


def _expected(texts: pa.Array, names: list[str], type_: pa.DataType) -> pa.Array:
    """Return the engine's own tokens in the type of those to compare; null for null."""
    per_text = [[] if text is None else _prepared["tokenize"](text) for text in texts.to_pylist()]
    flat = list(chain.from_iterable(per_text))
    columns = [
        pa.array(list(map(attrgetter(name), flat)), item.type)
        for name, item in zip(names, type_.value_type, strict=True)
    ]
    return pa.ListArray.from_arrays(
        pa.array(list(accumulate(map(len, per_text), initial=0)), pa.int32()),
        pa.StructArray.from_arrays(columns, fields=list(type_.value_type)),
        type=type_,
        mask=texts.is_null(),
    )


def _row_by_row(texts: pa.Array, tokens: pa.Array, errors: pa.Array, expected: pa.Array) -> Tally:
    tally = Tally()
    rows = zip(*(column.to_pylist() for column in (texts, tokens, errors, expected)), strict=True)
    for text, found, error, wanted in rows:
        if error is None and found == wanted:
            tally.equal += text is not None
            tally.without_text += text is None
        elif error is None and _is_moved(text, found, wanted):
            tally.moved += 1
        elif error is None and _is_normalised(text, found):
            tally.normalised += 1
        else:
            tally.different += 1
            tally.differences.append(f"{text!r:.80}: {_difference(found, error, wanted)}")
    tally.differences = tally.differences[:_SHOWN]
    return tally


def _is_moved(text: str, found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Return whether all tokens are those wanted, later by the blanks before the first."""
    blanks = len(text) - len(text.lstrip(_MECABS_BLANKS))
    if not blanks:
        return False
    return found == [token | {name: token[name] + blanks for name in ("start", "end")} for token in wanted]


def _is_normalised(text: str, found: list[dict[str, Any]]) -> bool:
    whole = normalise(text)
    wanted = [(token.form, token.tag) for token in _prepared["tokenize"](whole.text)]
    return whole.text != text and [(token["form"], token["tag"]) for token in found] == wanted


def _difference(found: list[dict[str, Any]] | None, error: dict[str, str] | None, wanted: list[dict[str, Any]]) -> str:
    if error is not None:
        return f"error {error['code']}"
    if found is None or wanted is None or len(found) != len(wanted):
        return f"{found and len(found)} tokens, the engine gives {wanted and len(wanted)}"
    position = next(at for at, token in enumerate(found) if token != wanted[at])
    pairs = ((name, found[position][name], value) for name, value in wanted[position].items())
    name, ours, its = next(pair for pair in pairs if pair[1] != pair[2])
    return f"token {position}, {name}: {ours!r}, the engine gives {its!r}"


def _check_rows(source: str, compared: ds.Dataset) -> bool:
    given = ds.dataset(source, format="parquet")
    same = _digest(given, given.schema.names) == _digest(compared, given.schema.names)
    print(
        "the output has exactly the rows of the input"
        if same
        else "different: the output has other rows than the input"
    )
    return same


def _digest(data: ds.Dataset, columns: list[str]) -> tuple[int, int]:
    """Return the number of rows and a sum over their hashes, which doesn't depend on their order."""
    count = total = 0
    for batch in data.to_batches(columns=columns, batch_readahead=2, fragment_readahead=1):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        for row in rows:
            digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            total = (total + int.from_bytes(digest)) % 2**128
        count += batch.num_rows
    return count, total


if __name__ == "__main__":
    sys.exit(main())

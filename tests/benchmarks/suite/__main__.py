"""All contenders over the same texts on the same cores, in turns: one report as Markdown and JSON, with pictures.

    python -m tests.benchmarks.suite --input reviews.parquet --text review --rows 150000 --rounds 3 --report report/

Each turn has an API and a proxy of its own that have seen nothing, and must show its work: all documents with bare
Kiwi's number of tokens, every distinct text analysed, the CPU time that Kiwi takes. With `--engine mecab`, all analyse
with MeCab. One that shows less ends the suite.

`rounds.jsonl` in the report's directory has each turn as soon as it is over. Ray and distribatch are installed in
environments of their own, in the cache; without a network they are left out, and the report says why. `--record FILE`
keeps the ratios, `--check FILE` exits with 1 if one is worse than recorded beyond the spread of both. An archive of
Spark's classes is made first, as `nlpbatch class-archive` does.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nlpbatch.cli.class_archive import make_archive
from nlpbatch.cli.local_spark import class_archive
from nlpbatch.cli.stack import stop_on_signals
from tests.benchmarks.suite.contenders import BARE, ENGINES
from tests.benchmarks.suite.environments import Unavailable, provide
from tests.benchmarks.suite.figures import MIN_ROUNDS, NoVerdict, worse
from tests.benchmarks.suite.inputs import FILES_PER_CORE, Texts, prepare
from tests.benchmarks.suite.memory import measure_memory, memory_ratios
from tests.benchmarks.suite.pictures import draw
from tests.benchmarks.suite.records import key_of, record, recorded
from tests.benchmarks.suite.report import ratios_of, summarise, to_markdown
from tests.benchmarks.suite.turn import Measured, NotDone, check_work, note, take_turn


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    stop_on_signals()  # else a service would outlive the suite
    arguments.report.mkdir(parents=True, exist_ok=True)
    _archive_classes()
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as directory:
        work = Path(directory)
        parts = arguments.cores * FILES_PER_CORE
        texts = prepare(arguments.input, arguments.text, arguments.rows, parts, work / "input")
        note(f"{texts.documents:,} documents, {arguments.rounds} rounds, {arguments.cores} cores")
        key = key_of(texts.documents, arguments.cores, arguments.engine)
        before = recorded(arguments.check, key) if arguments.check else {}
        results, skipped = _rounds(arguments, texts, work)
    memory = measure_memory(arguments.input, arguments.text, arguments.memory_rows, arguments.memory)
    ratios = ratios_of(results)
    report = summarise(results, ratios | memory_ratios(memory), memory, skipped, arguments.cores, arguments.engine)
    file = arguments.report / "report.json"
    file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    markdown = to_markdown(report, draw(report, arguments.report))
    (arguments.report / "report.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    if arguments.record:
        record(arguments.record, key, ratios)
    regressions = worse(ratios, before) if arguments.check else []
    for sentence in regressions:
        note(f"worse than recorded: {sentence}")
    return 1 if regressions else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.suite",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--input", type=Path, required=True, help="Parquet file or directory")
    parser.add_argument("--text", default="review", help="its column of texts")
    parser.add_argument("--rows", type=int, default=0, help="only the first so many (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--engine", choices=tuple(ENGINES), default="kiwi", help="what all of them analyse with")
    parser.add_argument("--only", help="contenders, by commas; bare is always one (default: all)")
    parser.add_argument("--memory", default="", help="also measure memory with so many workers, such as 2,4,8")
    parser.add_argument("--memory-rows", type=int, default=20_000, help="rows for that")
    parser.add_argument("--report", type=Path, required=True, metavar="DIR", help="directory to write")
    parser.add_argument("--record", type=Path, metavar="FILE.json", help="keep the ratios there")
    parser.add_argument("--check", type=Path, metavar="FILE.json", help="compare the ratios with those kept there")
    arguments = parser.parse_args(argv)
    known = ENGINES[arguments.engine]
    arguments.only = list(dict.fromkeys((BARE, *(arguments.only.split(",") if arguments.only else known))))
    unknown = [name for name in arguments.only if name not in known]
    if unknown:
        parser.error(f"there is no contender {unknown[0]!r} with {arguments.engine}: choose of {', '.join(known)}")
    if arguments.memory and arguments.engine != "kiwi":
        parser.error("--memory is measured with --engine kiwi only: leave it out")
    if (arguments.check or arguments.record) and arguments.rounds < MIN_ROUNDS:
        parser.error(f"{arguments.rounds} rounds have no spread to compare: --rounds {MIN_ROUNDS} or more")
    if arguments.check and not arguments.check.is_file():
        parser.error(f"there is no {arguments.check}: --record writes it")
    try:
        arguments.memory = [int(count) for count in arguments.memory.split(",") if count]
    except ValueError:
        parser.error(f"--memory {arguments.memory!r} is no list of numbers: write it as 2,4,8")
    return arguments


def _archive_classes() -> None:
    archive = class_archive()
    if archive is not None and not archive.exists():
        note("keeping Spark's classes in the cache, once for this version of Spark and Java …")
        make_archive(archive)


def _rounds(
    arguments: argparse.Namespace, texts: Texts, work: Path
) -> tuple[dict[str, list[Measured]], dict[str, str]]:
    """Return what each contender's rounds took, and why others took no part.

    Raises:
        NotDone: One failed, or didn't do the work.

    """
    names, skipped, contenders = list(arguments.only), {}, ENGINES[arguments.engine]
    for name in arguments.only:
        try:
            provide(contenders[name].needs)
        except Unavailable as error:
            skipped[name] = str(error)
    results: dict[str, list[Measured]] = {name: [] for name in names if name not in skipped}
    for number in range(arguments.rounds):
        for name in _order(list(results), number):
            try:
                measured = take_turn(name, texts, arguments.cores, work, contenders)
            except Unavailable as error:
                skipped[name] = str(error)
                del results[name]
                continue
            check_work(name, measured, results[BARE][-1] if name != BARE else measured, texts, contenders)
            line = json.dumps({"round": number + 1, "contender": name, **measured})
            note(line)
            with (arguments.report / "rounds.jsonl").open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
            results[name].append(measured)
    for name, reason in skipped.items():
        note(f"{name} is left out: {reason}")
    return results, skipped


def _order(names: list[str], number: int) -> list[str]:
    """Return the order of a round: bare Kiwi first, for the others' work is held against its own; they alternate."""
    others = names[1:]
    return [names[0], *(others if number % 2 == 0 else reversed(others))]


if __name__ == "__main__":
    try:
        code = main()
    except (NotDone, NoVerdict) as error:
        raise SystemExit(str(error)) from error
    sys.exit(code)

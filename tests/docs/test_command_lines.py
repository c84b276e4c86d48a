"""Every command line of this project in README and docs has options that there are, also those that aren't run."""

import re

import pytest

from tests.docs.command_lines import fault_of, lines_of
from tests.docs.markdown import Block, blocks_of, spans_of
from tests.docs.pages import ROOT, english_pages, korean_page

FILES = [
    file.relative_to(ROOT).as_posix()
    for page in english_pages()
    for file in (ROOT / page, korean_page(page))
    if file is not None
]


@pytest.mark.parametrize("file", FILES)
def test_command_lines_are_what_the_parsers_take(file):
    blocks = [(block, True) for block in blocks_of(ROOT / file) if block.language in {"sh", ""}]
    faults = [
        f"{file}:{number}: {fault}: {line}"
        for block, whole in [*blocks, *((span, False) for span in spans_of(ROOT / file))]
        for number, line in lines_of(block)
        if (fault := fault_of(line, whole=whole)) is not None
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("nlpbatch up --prot 8700", "nlpbatch up has no option --prot"),
        ("nlpbatch proxy key make --tenant a", "invalid choice"),
        ("nlpbatch run", "required: RECIPE.toml"),
        ("nlpbatch run a.toml --on everything", "invalid choice: 'everything'"),
        ("nlpbatch analyze a.csv -o … --texts b", "has no option --texts"),
        ("spark-submit --master yarn --py-files x.zip jobs/analyze.py --inputs a", "has no option --inputs"),
        ("spark-submit --master yarn jobs/replay.py", "--output"),
        ("python tests/benchmarks/sampling.py --inputs a", "--inputs is no option"),
        ("python -m tests.benchmarks.absent", "there is no tests/benchmarks/absent"),
        ("bin/dmeo", "there is no bin/dmeo"),
        ("nlpbatch analyze a.csv -o b.parquet --text c | wc -l", None),
    ],
)
def test_what_is_wrong_with_a_command_line_is_found(line, fault):
    (found,) = lines_of(Block("sh", "", line, 1))
    said = fault_of(found[1])
    assert said is None if fault is None else said is not None and re.search(re.escape(fault), said)

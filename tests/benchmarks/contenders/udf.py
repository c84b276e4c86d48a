"""Kiwi installed everywhere: loaded by every Python worker of Spark, in a mapInArrow function."""

import sys

from kiwipiepy import Kiwi
from spark_side import run, with_tokens

source, text, target = sys.argv[1:4]


def analyse(batches):
    kiwi = Kiwi(num_workers=1)
    for batch in batches:
        rows = [
            [(token.form, token.tag, token.start, token.end) for token in kiwi.tokenize(document)]
            for document in batch.column(text).to_pylist()
        ]
        yield with_tokens(batch, rows)


run(source, target, analyse)

"""MeCab installed everywhere: loaded by every Python worker of Spark, in a mapInArrow function."""

import sys

from mecab import MeCab
from spark_side import run, with_tokens

source, text, target = sys.argv[1:4]


def analyse(batches):
    mecab = MeCab()
    for batch in batches:
        rows = [
            [(one.surface, one.feature.pos, *one.span) for one in mecab.parse(document)]
            for document in batch.column(text).to_pylist()
        ]
        yield with_tokens(batch, rows)


run(source, target, analyse)

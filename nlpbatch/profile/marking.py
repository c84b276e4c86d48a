"""Words that mark a group of documents: the log-odds ratio with an informative Dirichlet prior. Pure.

Documents that have a word are counted, not its occurrences: a document that has it ten times counts once.

Monroe, Colaresi and Quinn, "Fightin' Words" (2008): a word's odds in the group over its odds elsewhere, shrunk towards
its odds in all documents, over its standard error. Plain ratios are topped by words that occur once; this isn't.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_PRIOR_WORDS: Final = 1_000.0
"""Weight of the prior, in words: what all documents say counts like so many words of the group."""
MIN_SCORE: Final = 1.96
MIN_COUNT: Final = 3
"""Documents that a word has to be in: the standard error means nothing for a word that one or two have."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A word that a group has more often than the others.

    Args:
        word: The word.
        score: Standard errors that its log-odds ratio is over 0.
        count: Documents of the group that have it.
        count_elsewhere: Documents of the others that have it.

    """

    word: str
    score: float
    count: int
    count_elsewhere: int


def marks(
    words: list[str], here: npt.NDArray[np.int64], elsewhere: npt.NDArray[np.int64], max_words: int
) -> list[Mark]:
    """Return the words that mark a group, the strongest first.

    Args:
        words: string[n].
        here: int[n], documents of the group that have each.
        elsewhere: int[n], documents of the others that have it.
        max_words: Words to return; fewer if fewer are in three documents and stand out by 1.96 standard errors.

    """
    total = here + elsewhere
    if not here.sum() or not elsewhere.sum():
        return []
    prior = _PRIOR_WORDS * total / total.sum()
    in_group, in_others = here + prior, elsewhere + prior
    rest_of_group, rest_of_others = in_group.sum() - in_group, in_others.sum() - in_others
    ratio = np.log(in_group / rest_of_group) - np.log(in_others / rest_of_others)
    score = ratio / np.sqrt(1 / in_group + 1 / in_others)
    score[here < MIN_COUNT] = 0
    best = np.argsort(-score, kind="stable")[:max_words]
    return [
        Mark(words[position], round(float(score[position]), 2), int(here[position]), int(elsewhere[position]))
        for position in best
        if score[position] >= MIN_SCORE
    ]

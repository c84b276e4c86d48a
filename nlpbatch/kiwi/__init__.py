"""Kiwi over the service: `from nlpbatch.kiwi import Kiwi` instead of `from kiwipiepy import Kiwi`.

    kiwi = Kiwi(service="http://proxy.example:8700", api_key="…")   # or NLPBATCH_SERVICE and NLPBATCH_API_KEY
    kiwi.tokenize("아버지가 방에 들어가신다")

Needs neither kiwipiepy nor its model. Tokens are those of `kiwipiepy.Kiwi` with the same options, for texts of up to
3,072 code points that are composed (NFC) and have no invisible characters; of others, offsets are those of the text
as it was given, as well. Calls that can't work over a service raise `NotRemote` with the remedy.
"""

from nlpbatch.kiwi.flags import Dialect, Match
from nlpbatch.kiwi.kiwi import Kiwi
from nlpbatch.kiwi.morphemes import MorphemeSet
from nlpbatch.kiwi.pretokenized import PretokenizedToken
from nlpbatch.kiwi.refusals import NotRemote, Refused, TextFailed
from nlpbatch.kiwi.sentences import Sentence, SplitForm
from nlpbatch.kiwi.settings import KiwiConfig
from nlpbatch.kiwi.stopwords import Stopwords
from nlpbatch.kiwi.tokens import Token

basic_typos = "basic"
continual_typos = "continual"
basic_typos_with_continual = "basic_with_continual"
lengthening_typos = "lengthening"
basic_typos_with_continual_and_lengthening = "basic_with_continual_and_lengthening"

__all__ = [
    "Dialect",
    "Kiwi",
    "KiwiConfig",
    "Match",
    "MorphemeSet",
    "NotRemote",
    "PretokenizedToken",
    "Refused",
    "Sentence",
    "SplitForm",
    "Stopwords",
    "TextFailed",
    "Token",
    "basic_typos",
    "basic_typos_with_continual",
    "basic_typos_with_continual_and_lengthening",
    "continual_typos",
    "lengthening_typos",
]

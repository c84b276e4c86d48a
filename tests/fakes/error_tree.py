"""The product's error tree as tests ask for it."""

from nlpbatch import errors
from nlpbatch.errors import NlpbatchError


def leaves(cls: type[NlpbatchError] = NlpbatchError) -> set[type[NlpbatchError]]:
    """The classes of `nlpbatch.errors` that none there refines; other modules may refine one for themselves."""
    below = [sub for sub in cls.__subclasses__() if sub.__module__ == errors.__name__]
    return {leaf for sub in below for leaf in leaves(sub)} if below else {cls}

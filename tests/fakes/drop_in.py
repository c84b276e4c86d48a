"""What results of Kiwi and of the drop-in for it are compared by."""

import kiwipiepy

from nlpbatch.kiwi import (
    Sentence,
    SplitForm,
    Token,
)

ATTRIBUTES = [name for name in dir(kiwipiepy.Token) if not name.startswith("_")]
TEXT = "아버지가 방에 들어가신다. 안 먹었엌ㅋㅋ 고마움에 건강히 지내시라고 눈을 반짝거리며 인사했다! #영화 a@b.kr http://a.kr"


def read(value):
    """Return what is compared of a result: tokens with all attributes, whatever they are wrapped in."""
    if isinstance(value, Token | kiwipiepy.Token):
        # Of tokens without length in less likely candidates, Kiwi's own word_position differs from call to call.
        names = [name for name in ATTRIBUTES if value.len or name != "word_position"]
        # Attributes first: of a lone surrogate they raise UnicodeDecodeError, but Kiwi's repr leaves it pending.
        return [getattr(value, name) for name in names], repr(value), tuple(value), len(value)
    if isinstance(value, Sentence | kiwipiepy.Sentence):
        members = (value.text, value.start, value.end, value.len, read(value.tokens), read(value.subs))
        return "Sentence", *members
    if isinstance(value, SplitForm | kiwipiepy.SplitForm):
        return repr(value), value.len, read(value.tokens)
    if isinstance(value, list | tuple):
        return [type(value), *map(read, value)]
    return value

"""Characters of files: which encodings are known, and which one fits bytes that are not UTF-8."""

import codecs
import re
from collections.abc import Mapping
from typing import Final

from nlpbatch.errors import ConfigError

UTF_8: Final = "utf-8"
_BOMS: Final[Mapping[bytes, str]] = {
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# CP949 holds all of EUC-KR, and files that claim EUC-KR hold CP949's syllables as well.
_SAME: Final[Mapping[str, str]] = {
    "utf-8-sig": UTF_8,
    "euc_kr": "cp949",
    "iso8859-1": "latin-1",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
}
_JAVA: Final[Mapping[str, str]] = {
    UTF_8: "UTF-8",
    "cp949": "x-windows-949",
    "johab": "x-Johab",
    "utf-16": "UTF-16",
    "utf-16le": "UTF-16LE",
    "utf-16be": "UTF-16BE",
    "utf-32": "UTF-32",
    "latin-1": "ISO-8859-1",
    "cp1252": "windows-1252",
    "shift_jis": "Shift_JIS",
    "cp932": "windows-31j",
    "gb18030": "GB18030",
    "big5": "Big5",
}
_KOREAN: Final = "cp949"
"""The only encoding that is guessed: in most others almost all bytes are valid, so that a fit proves nothing."""
_HANGUL: Final = re.compile("[가-힣]")
"""Three bytes of UTF-8 that make a syllable are hardly ever text in another encoding."""
_ZEROS: Final = 0.05
"""Share of zero bytes from which bytes are UTF-16: blanks, digits and line ends have one, and UTF-8 has none."""


def known_encoding(name: str) -> str:
    """Return the name of an encoding as it is called here, such as "cp949" for "EUC-KR" or "MS949".

    Raises:
        ConfigError: It is not known.

    """
    try:
        python = codecs.lookup(name).name
    except (LookupError, ValueError):
        python = ""
    found = _SAME.get(python, python)
    if found not in _JAVA:
        raise ConfigError(f"encoding {name!r} is not known: choose from {', '.join(_JAVA)}")
    return found


def java_name(encoding: str) -> str:
    """Return Java's name of an encoding that `known_encoding` returned."""
    return _JAVA[encoding]


def is_of_lines(encoding: str) -> bool:
    """Return whether lines end in a byte 10 or 13, and quotes and separators are bytes of ASCII."""
    return not encoding.startswith(("utf-16", "utf-32"))


def is_valid(beginning: bytes, encoding: str, *, is_all: bool = False) -> bool:
    """Return whether bytes are of an encoding; those that end within a character are, unless they are all there is."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(beginning, final=is_all)
    except UnicodeDecodeError:
        return False
    return True


def encoding_that_fits(beginning: bytes, *, is_all: bool = False) -> str | None:
    """Return the encoding of bytes: UTF-8 if they are that, else which one fits; None if no known one does.

    Args:
        beginning: First bytes of a file; some kilobytes are enough.
        is_all: Whether they are the whole file, so that they can't end within a character.

    """
    bom = next((name for mark, name in _BOMS.items() if beginning.startswith(mark)), None)
    if bom is not None and is_valid(beginning, bom, is_all=is_all):
        return bom
    if beginning and beginning.count(0) / len(beginning) > _ZEROS:
        return "utf-16le" if beginning[1::2].count(0) > beginning[::2].count(0) else "utf-16be"
    return next((name for name in (UTF_8, _KOREAN) if is_valid(beginning, name, is_all=is_all)), None)


def encoding_fault(beginning: bytes, encoding: str, *, is_all: bool = False, line: int | None = None) -> str | None:
    """Return why bytes cannot be read in an encoding, with the one that fits; None if they can.

    The words follow a file's name: "is not UTF-8: …".

    Args:
        beginning: First bytes of a file, or one of its lines.
        encoding: As `known_encoding` returns it.
        is_all: Whether they are the whole file or line.
        line: The number of the line, if they are one: the rest of the file may be of another encoding.

    """
    fits = encoding_that_fits(beginning, is_all=is_all)
    if is_valid(beginning, encoding, is_all=is_all) and not (encoding != fits and _is_certain(beginning, fits)):
        return None
    name = f"is not {encoding.upper()}" + ("" if line is None else f" on line {line:,}")
    if fits is None or fits == encoding:
        return f"{name}, nor of any encoding known here: it may be damaged, or of another format"
    if line is not None:
        return f"{name}: the bytes there fit {fits.upper()}; give --encoding {fits} if all do, or save it as UTF-8"
    if fits == UTF_8:
        return f"{name}: its bytes fit UTF-8; give --encoding utf-8, or no encoding"
    return f"{name}: its bytes fit {fits.upper()}; give --encoding {fits}, or save it as UTF-8"


def _is_certain(beginning: bytes, encoding: str | None) -> bool:
    """Return whether bytes are of an encoding although they are valid in another one, too."""
    if encoding is not None and encoding.startswith(("utf-16", "utf-32")):
        return True
    return encoding == UTF_8 and _HANGUL.search(beginning.decode(errors="ignore")) is not None

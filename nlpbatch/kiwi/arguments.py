"""Kiwi's arguments of an analysis as options of the service, with kiwipiepy's defaults whatever the analyzer's are."""

import sys
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import Any, Final

from nlpbatch.kiwi.flags import Dialect, Match
from nlpbatch.kiwi.morphemes import MorphemeSet
from nlpbatch.kiwi.refusals import NotRemote, Refused
from nlpbatch.kiwi.settings import REMEDY, check_override
from nlpbatch.wire.options import MATCH_OPTIONS, NO_TYPOS, STANDARD_DIALECT

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "match_options": Match.ALL,
        "normalize_coda": False,
        "z_coda": True,
        "split_complex": False,
        "compatible_jamo": False,
        "saisiot": None,
        "blocklist": None,
        "open_ending": False,
        "allowed_dialects": Dialect.STANDARD,
        "dialect_cost": 3.0,
        "oov_handling": None,
        "typos": None,
        "typo_cost_threshold": 2.5,
        "override_config": None,
    }
)
"""The common arguments of `tokenize`, `analyze`, `split_into_sents` and `split_into_forms`."""
TYPOS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "basic": "basic_typos",
        "continual": "continual_typos",
        "basic_with_continual": "basic_typos_with_continual",
        "lengthening": "lengthening_typos",
        "basic_with_continual_and_lengthening": "basic_typos_with_continual_and_lengthening",
    }
)
"""Kiwi's typo transformers by the names that options have for them, with the names that kiwipiepy has."""
_BITS: Final = {
    "normalize_coda": Match.NORMALIZING_CODA,
    "z_coda": Match.Z_CODA,
    "split_complex": Match.SPLIT_COMPLEX,
    "compatible_jamo": Match.COMPATIBLE_JAMO,
}
_NAMED: Final = {name: Match[name.upper()] for name in MATCH_OPTIONS}
_SAISIOT: Final = Match.SPLIT_SAISIOT | Match.MERGE_SAISIOT
_KNOWN: Final = int(reduce(or_, [*_BITS.values(), *_NAMED.values(), _SAISIOT]))
_OOV: Final = {
    None: "chr",
    Match.OOV_RULE_ONLY: "rule",
    Match.OOV_CHR_MODEL: "chr",
    Match.OOV_CHR_FREQ_MODEL: "chr_freq",
    Match.OOV_CHR_FREQ_BRANCH_MODEL: "chr_freq_branch",
    Match.OOV_CHR_FREQ_MODEL | Match.OOV_TOTAL_CONSISTENCY: "chr_freq_consistency",
}


def to_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the service's options for arguments that differ from `DEFAULTS` where they are given.

    Raises:
        Refused: A value that Kiwi doesn't take, or would take for another than was meant.
        NotRemote: An option that the service does not take.

    """
    asked = {**DEFAULTS, **given}
    check_override(asked["override_config"])
    options = _match_options(asked)
    options["open_ending"] = bool(asked["open_ending"])
    options["oov_handling"] = _oov_handling(asked["oov_handling"])
    options["blocklist"] = _blocklist(asked["blocklist"])
    return options | _typos(asked) | _dialects(asked)


def _match_options(asked: Mapping[str, Any]) -> dict[str, Any]:
    bits = asked["match_options"]
    if not isinstance(bits, int):
        raise Refused(f"match_options is a {type(bits).__name__}: give members of Match")
    if unknown := int(bits) & ~_KNOWN:
        raise Refused(f"match_options has unknown bits {unknown:#x}: give members of Match, and oov_handling")
    options: dict[str, Any] = {name: bool(asked[name] or bits & bit) for name, bit in _BITS.items()}
    options["match_options"] = [name for name, bit in _NAMED.items() if bits & bit]
    saisiot = asked["saisiot"]
    if not isinstance(saisiot, bool):
        saisiot = bool(bits & Match.SPLIT_SAISIOT) if bits & _SAISIOT else None
    options["saisiot"] = saisiot
    return options


def _oov_handling(value: Any) -> str:
    if isinstance(value, str):
        if value not in _OOV.values():
            raise Refused(f"unknown oov_handling option {value[:80]!r}: choose from {', '.join(_OOV.values())}")
        return value
    try:
        return _OOV[value]
    except (KeyError, TypeError):
        raise Refused(f"oov_handling is a {type(value).__name__}: give a string or a member of Match") from None


def _blocklist(value: Any) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, MorphemeSet):
        return value.entries()
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise Refused(f"blocklist is a {type(value).__name__}: give an iterable of morphemes")
    return MorphemeSet(None, value).entries()


def _typos(asked: Mapping[str, Any]) -> dict[str, Any]:
    typos = asked["typos"]
    if typos is None:
        return {"typos": NO_TYPOS}
    if not isinstance(typos, str):
        typos = _name_of(typos)
    typos = "basic_with_continual_and_lengthening" if typos == "all" else typos
    if typos not in TYPOS:
        raise Refused(f"typos is {typos[:80]!r}: choose from {', '.join(TYPOS)}, all")
    return {"typos": typos, "typo_cost_threshold": asked["typo_cost_threshold"]}


def _name_of(typos: Any) -> str:
    """Return the name of one of kiwipiepy's own typo transformers, where it is installed and one is given."""
    installed = sys.modules.get("kiwipiepy")
    for name, there in TYPOS.items():
        if installed is not None and getattr(installed, there) is typos:
            return name
    known = ", ".join(TYPOS)
    raise NotRemote(f"typos is a {type(typos).__name__}: choose from {known}; for rules of one's own, {REMEDY}")


def _dialects(asked: Mapping[str, Any]) -> dict[str, Any]:
    dialects = to_dialect(asked["allowed_dialects"])
    if not dialects:
        return {"allowed_dialects": [STANDARD_DIALECT]}
    names = [member.name.lower() for member in Dialect if member and member.name and member & dialects == member]
    return {"allowed_dialects": names, "dialect_cost": asked["dialect_cost"]}


def to_dialect(value: Any) -> Dialect:
    """Return dialects given as members of `Dialect` or as names with commas between them.

    Raises:
        Refused: Anything else.

    """
    if value is None:
        return Dialect.STANDARD
    if isinstance(value, str):
        names = value.upper().split(",")
        unknown = [name for name in names if name not in Dialect.__members__]
        if unknown:
            raise Refused(f"unknown dialect name {unknown[0][:80]!r}: choose from {', '.join(Dialect.__members__)}")
        return reduce(or_, (Dialect[name] for name in names))
    if type(value).__name__ != "Dialect":
        raise Refused(f"a dialect is a {type(value).__name__}: give Dialect or its names")
    return Dialect(int(value))

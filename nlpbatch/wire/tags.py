"""Kiwi's part-of-speech tags: the Sejong tag set, as Kiwi extends it."""

from typing import Final

TAGS: Final = (
    *("NNG", "NNP", "NNB", "NR", "NP"),
    *("VV", "VV-R", "VV-I", "VA", "VA-R", "VA-I", "VX", "VX-R", "VX-I", "VCP", "VCN"),
    *("MM", "MAG", "MAJ", "IC"),
    *("JKS", "JKC", "JKG", "JKO", "JKB", "JKV", "JKQ", "JX", "JC"),
    *("EP", "EF", "EC", "ETN", "ETM"),
    *("XPN", "XSN", "XSV", "XSA", "XSA-R", "XSA-I", "XSM", "XR"),
    *("SF", "SP", "SS", "SSO", "SSC", "SE", "SO", "SW", "SL", "SH", "SN", "SB"),
    *("UN", "W_URL", "W_EMAIL", "W_HASHTAG", "W_MENTION", "W_SERIAL", "W_EMOJI"),
    *("Z_CODA", "Z_SIOT", "USER0", "USER1", "USER2", "USER3", "USER4"),
)
"""VV, VA, VX and XSA stand for their regular (-R) and irregular (-I) kinds, too."""


def matching(tags: tuple[str, ...]) -> frozenset[str]:
    """Return the tags that tokens may have to be among those that were asked for."""
    return frozenset(tag for tag in TAGS if tag in tags or tag.partition("-")[0] in tags)

"""Kiwi's flags, with the values that kiwipiepy gives them: `Match` and `Dialect`."""

from enum import IntFlag


class Match(IntFlag):
    """Patterns to find in a text beside morphemes, and the ways to cut morphemes."""

    URL = 1 << 0
    EMAIL = 1 << 1
    HASHTAG = 1 << 2
    MENTION = 1 << 3
    SERIAL = 1 << 4
    EMOJI = 1 << 5
    ALL = URL | EMAIL | HASHTAG | MENTION | SERIAL | EMOJI

    OOV_RULE_ONLY = 0
    OOV_CHR_MODEL = 1 << 8
    OOV_CHR_FREQ_MODEL = 2 << 8
    OOV_CHR_FREQ_BRANCH_MODEL = 3 << 8
    OOV_TOTAL_CONSISTENCY = 1 << 10
    OOV_MASK = 3 << 8

    NORMALIZING_CODA = 1 << 16
    JOIN_NOUN_PREFIX = 1 << 17
    JOIN_NOUN_SUFFIX = 1 << 18
    JOIN_VERB_SUFFIX = 1 << 19
    JOIN_ADJ_SUFFIX = 1 << 20
    JOIN_ADV_SUFFIX = 1 << 21
    SPLIT_COMPLEX = 1 << 22
    Z_CODA = 1 << 23
    COMPATIBLE_JAMO = 1 << 24
    SPLIT_SAISIOT = 1 << 25
    MERGE_SAISIOT = 1 << 26
    JOIN_PARTICLE_YO = 1 << 27
    JOIN_V_SUFFIX = JOIN_VERB_SUFFIX | JOIN_ADJ_SUFFIX
    JOIN_AFFIX = JOIN_NOUN_PREFIX | JOIN_NOUN_SUFFIX | JOIN_V_SUFFIX | JOIN_ADV_SUFFIX


class Dialect(IntFlag):
    """Dialects of Korean, under their English and Korean names."""

    STANDARD = 0
    표준 = STANDARD
    GYEONGGI = 1 << 0
    경기 = GYEONGGI
    CHUNGCHEONG = 1 << 1
    충청 = CHUNGCHEONG
    GANGWON = 1 << 2
    강원 = GANGWON
    GYEONGSANG = 1 << 3
    경상 = GYEONGSANG
    JEOLLA = 1 << 4
    전라 = JEOLLA
    JEJU = 1 << 5
    제주 = JEJU
    HWANGHAE = 1 << 6
    황해 = HWANGHAE
    HAMGYEONG = 1 << 7
    함경 = HAMGYEONG
    PYEONGAN = 1 << 8
    평안 = PYEONGAN
    ARCHAIC = 1 << 9
    옛말 = ARCHAIC
    ALL = GYEONGGI | CHUNGCHEONG | GANGWON | GYEONGSANG | JEOLLA | JEJU | HWANGHAE | HAMGYEONG | PYEONGAN | ARCHAIC

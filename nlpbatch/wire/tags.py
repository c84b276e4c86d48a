"""The part-of-speech tags that tokens have, by tag set, with the meaning of each.

Both sets follow the Sejong tag set: `kiwi` as Kiwi extends it, `mecab-ko` as the dictionary mecab-ko-dic does. There, a
token may have several tags, joined by +: 갔 is VV+EP.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

WordClass = Literal["noun", "verb", "modifier", "interjection", "particle", "ending", "affix", "symbol", "other"]


@dataclass(frozen=True, slots=True)
class Tag:
    """One part of speech.

    Args:
        name: Value of a token's `tag`.
        word_class: The group it belongs to, by which pages colour it.
        korean: Its name in Korean.
        english: Its name in English.

    """

    name: str
    word_class: WordClass
    korean: str
    english: str


_KIWI: Final = (
    Tag("NNG", "noun", "일반 명사", "common noun"),
    Tag("NNP", "noun", "고유 명사", "proper noun"),
    Tag("NNB", "noun", "의존 명사", "dependent noun"),
    Tag("NR", "noun", "수사", "numeral"),
    Tag("NP", "noun", "대명사", "pronoun"),
    Tag("VV", "verb", "동사", "verb"),
    Tag("VV-R", "verb", "규칙 동사", "regular verb"),
    Tag("VV-I", "verb", "불규칙 동사", "irregular verb"),
    Tag("VA", "verb", "형용사", "adjective"),
    Tag("VA-R", "verb", "규칙 형용사", "regular adjective"),
    Tag("VA-I", "verb", "불규칙 형용사", "irregular adjective"),
    Tag("VX", "verb", "보조 용언", "auxiliary predicate"),
    Tag("VX-R", "verb", "규칙 보조 용언", "regular auxiliary predicate"),
    Tag("VX-I", "verb", "불규칙 보조 용언", "irregular auxiliary predicate"),
    Tag("VCP", "verb", "긍정 지정사", "copula 이다"),
    Tag("VCN", "verb", "부정 지정사", "negative copula 아니다"),
    Tag("MM", "modifier", "관형사", "determiner"),
    Tag("MAG", "modifier", "일반 부사", "adverb"),
    Tag("MAJ", "modifier", "접속 부사", "conjunctive adverb"),
    Tag("IC", "interjection", "감탄사", "interjection"),
    Tag("JKS", "particle", "주격 조사", "subject particle"),
    Tag("JKC", "particle", "보격 조사", "complement particle"),
    Tag("JKG", "particle", "관형격 조사", "possessive particle"),
    Tag("JKO", "particle", "목적격 조사", "object particle"),
    Tag("JKB", "particle", "부사격 조사", "adverbial particle"),
    Tag("JKV", "particle", "호격 조사", "vocative particle"),
    Tag("JKQ", "particle", "인용격 조사", "quotative particle"),
    Tag("JX", "particle", "보조사", "auxiliary particle"),
    Tag("JC", "particle", "접속 조사", "conjunctive particle"),
    Tag("EP", "ending", "선어말 어미", "pre-final ending"),
    Tag("EF", "ending", "종결 어미", "sentence-final ending"),
    Tag("EC", "ending", "연결 어미", "connective ending"),
    Tag("ETN", "ending", "명사형 전성 어미", "nominalising ending"),
    Tag("ETM", "ending", "관형형 전성 어미", "adnominal ending"),
    Tag("XPN", "affix", "체언 접두사", "noun prefix"),
    Tag("XSN", "affix", "명사 파생 접미사", "noun suffix"),
    Tag("XSV", "affix", "동사 파생 접미사", "verb suffix"),
    Tag("XSA", "affix", "형용사 파생 접미사", "adjective suffix"),
    Tag("XSA-R", "affix", "규칙 형용사 파생 접미사", "regular adjective suffix"),
    Tag("XSA-I", "affix", "불규칙 형용사 파생 접미사", "irregular adjective suffix"),
    Tag("XSM", "affix", "부사 파생 접미사", "adverb suffix"),
    Tag("XR", "affix", "어근", "root"),
    Tag("SF", "symbol", "종결 부호", "sentence-final mark . ! ?"),
    Tag("SP", "symbol", "구분 부호", "separator , / : ;"),
    Tag("SS", "symbol", "인용 부호·괄호", "quotation mark or bracket"),
    Tag("SSO", "symbol", "여는 부호", "opening mark"),
    Tag("SSC", "symbol", "닫는 부호", "closing mark"),
    Tag("SE", "symbol", "줄임표", "ellipsis"),
    Tag("SO", "symbol", "붙임표", "hyphen or tilde"),
    Tag("SW", "symbol", "기타 특수 문자", "other symbol"),
    Tag("SL", "symbol", "알파벳", "Latin letters"),
    Tag("SH", "symbol", "한자", "Chinese characters"),
    Tag("SN", "symbol", "숫자", "number"),
    Tag("SB", "symbol", "순서 있는 글머리", "ordered bullet"),
    Tag("UN", "other", "분석 불능", "not analysable"),
    Tag("W_URL", "other", "URL 주소", "URL"),
    Tag("W_EMAIL", "other", "이메일 주소", "e-mail address"),
    Tag("W_HASHTAG", "other", "해시태그", "hashtag"),
    Tag("W_MENTION", "other", "멘션", "mention"),
    Tag("W_SERIAL", "other", "일련번호", "serial number"),
    Tag("W_EMOJI", "other", "이모지", "emoji"),
    Tag("Z_CODA", "other", "덧붙은 받침", "added final consonant"),
    Tag("Z_SIOT", "other", "사이시옷", "saisiot"),
    *(Tag(f"USER{n}", "other", f"사용자 정의 {n}", f"user-defined {n}") for n in range(5)),
)
_MECAB_KO_ONLY: Final = (
    Tag("NNBC", "noun", "단위 명사", "noun of a unit"),
    Tag("VSV", "verb", "동사 파생", "verb by derivation"),
    Tag("SC", "symbol", "구분자", "separating mark , · / :"),
    Tag("SY", "symbol", "기타 기호", "symbol of another kind"),
    Tag("NA", "other", "분석 불능 범주", "not to be analysed"),
    Tag("UNA", "other", "미분석 어절", "not analysed"),
    Tag("UNKNOWN", "other", "미등록어", "word that the dictionary lacks"),
)
_KIWI_ONLY: Final = frozenset({"SP", "SS", "SO", "SW", "SB", "UN", "XSM"})
"""Beside those with -, _ or a number in their names."""
KIWI: Final = "kiwi"
MECAB_KO: Final = "mecab-ko"
TAG_TABLE: Final[Mapping[str, Tag]] = MappingProxyType({tag.name: tag for tag in (*_KIWI, *_MECAB_KO_ONLY)})
"""The tags of any set; those that several have mean the same."""
TAGS: Final = tuple(TAG_TABLE)
TAGSETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        KIWI: tuple(tag.name for tag in _KIWI),
        MECAB_KO: (
            *(tag.name for tag in _KIWI if tag.name.isalpha() and tag.name not in _KIWI_ONLY),
            *(tag.name for tag in _MECAB_KO_ONLY),
        ),
    }
)
"""The tags of each set, by its name as `AnalyzerInfo.tagset` has it."""
KIWI_TAGS: Final = TAGSETS[KIWI]
"""VV, VA, VX and XSA include their regular (-R) and irregular (-I) kinds."""


def single_tags(tag: str) -> list[str]:
    """Return the tags that are joined by + in the tag of a token."""
    return tag.split("+")


def matcher(tags: Collection[str]) -> Callable[[str], bool]:
    """Return whether a token of this tag is among those requested: one of its tags is, or what one is a kind of."""

    @cache
    def is_requested(tag: str) -> bool:
        return any(part in tags or part.partition("-")[0] in tags for part in single_tags(tag))

    return is_requested


def meaning_of(tag: str) -> Tag:
    """Return the meaning of a token's tag, also of one that joins several; an unknown one means itself."""
    known = [TAG_TABLE.get(part, Tag(part, "other", part, part)) for part in single_tags(tag)]
    return Tag(
        tag, known[0].word_class, " + ".join(one.korean for one in known), " + ".join(one.english for one in known)
    )


def split_morpheme(entry: str) -> tuple[str, str | None]:
    """Return form and tag of `form/TAG`; the tag is None where there is only a form."""
    form, slash, tag = entry.rpartition("/")
    return (form, tag) if slash and form and tag else (entry, None)


def split_stop_word(entry: str) -> tuple[str | None, str | None]:
    """Return form and tag of `form/TAG`; the form is None in `/TAG`, the tag where there is only a form."""
    form, slash, tag = entry.rpartition("/")
    return (form or None, tag) if slash and tag else (entry, None)

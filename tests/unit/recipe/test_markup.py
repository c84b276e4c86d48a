"""HTML and control characters: what is taken out of texts, and what only looks like it."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.recipe.markup import without_control_characters, without_html


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("영화<br>좋다", "영화\n좋다"),
        ("<p>첫째</p>\n  <p class='x'>둘째</p>", "첫째\n둘째"),
        ('<a href="http://a.kr/?x=1">여기</a>를 <B>보라</B>', "여기를 보라"),
        ("좋다 <!-- 광고 <br> --> 정말", "좋다  정말"),
        ("앞<script type='x'>var a = '<b>';</script>뒤<style>p {}</style >", "앞뒤"),
        ("<IMG SRC=a.png/>그림", "그림"),
        ("A &amp; B &lt;3 &#54620;&#xae00; &nbsp;끝", "A & B <3 한글  끝"),
        ("<div>R&amp;D</div>", "R&D"),
    ],
)
def test_markup_is_taken_out_and_entities_are_resolved(text, bare):
    assert without_html(text) == bare


@pytest.mark.parametrize(
    "text",
    [
        "<명량> 최고",
        "<Her> 와 <Interstellar>",
        "<3 사랑해 1 < 2 > 0",
        "<b",
        "좋다 <-- 이거 --> 진짜",
        "<!-- 끝이 없다",
        "AT&T, R&B &copy &foo; &;",
        "<bold>",
        "a<b>c"[:2],
        "  앞뒤 빈칸  \n",
    ],
)
def test_what_only_looks_like_markup_stays(text):
    assert without_html(text) == text


def test_a_script_without_an_end_keeps_its_text():
    assert without_html("앞<script>뒤") == "앞뒤"


@given(st.text())
def test_escaped_text_comes_back(text):
    assert without_html(html.escape(text)) == text.replace("\0", "\0")


@given(st.text("가나<>/bp !-&;\n"))
def test_nothing_is_made_up(text):
    bare = without_html(text)
    assert len(bare) <= len(text)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("가\x00나\x07", "가나"),
        ("\ufeff가\x7f\x9f", "가"),
        ("가\x0b나\x0c다\x85라", "가\n나\n다\n라"),
        ("가\t나\r\n다", "가\t나\r\n다"),
        ("👨‍👩‍👧 가족", "👨‍👩‍👧 가족"),
    ],
)
def test_control_characters_are_taken_out_and_breaks_stay(text, bare):
    assert without_control_characters(text) == bare

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import InvalidOption, InvalidRequest
from nlpbatch.wire.extras import AnalyzeOptions, GlueOptions, JoinOptions, SentencesOptions
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import OPERATIONS, OPTIONS, Options, options_of
from nlpbatch.wire.tags import TAGS, matcher

NAMES = st.lists(st.sampled_from(TAGS), min_size=1, max_size=5, unique=True).map(tuple)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "analyzer": st.text(min_size=1, max_size=10),
        "fields": st.lists(st.sampled_from(list(TOKEN_FIELDS)), min_size=1, unique=True),
        "tags": st.none() | NAMES,
        "top_n": st.integers(1, 10),
        "stopwords": st.booleans(),
        "z_coda": st.none() | st.booleans(),
        "saisiot": st.booleans(),
        "oov_handling": st.sampled_from(["rule", "chr"]),
        "blocklist": st.lists(st.sampled_from(["방", "방/NNG", ",/SP", "a,b", "[", "[]", "//SP"]), max_size=3),
    },
)


@given(GIVEN)
def test_they_come_out_of_json_and_of_a_query_as_they_went_in(given_options):
    options = Options.checked("analyze", given_options)
    assert Options.from_members(options.to_members()) == options
    assert Options.from_query(options.to_query()) == options


@pytest.mark.parametrize("operation", OPERATIONS)
def test_left_out_they_have_their_defaults(operation):
    assert Options.checked(operation, {}) == Options(operation)
    assert Options.checked(operation, dict.fromkeys(option.name for option in options_of(operation))) == Options(
        operation
    )


def test_what_answers_have_follows_from_them():
    assert Options().columns == ("tokens",)
    assert Options(sentences=True).columns == ("tokens", "sentences")
    assert Options(top_n=2).columns == ("candidates",)
    assert Options("sentences").columns == ("sentences",)
    assert Options("space").columns == ("text",)


def test_type_checkers_know_all_of_them():
    known = {"analyze": AnalyzeOptions, "sentences": SentencesOptions, "join": JoinOptions, "glue": GlueOptions}
    for operation, typed in known.items():
        names = {option.name for option in options_of(operation)} - {"analyzer", "fields"}
        assert set(typing.get_type_hints(typed)) - {"fields"} == names


@pytest.mark.parametrize(
    ("text", "name"), [("yes", "z_coda"), ("1", "z_coda"), ("x", "top_n"), ("1e1", "top_n"), ("9" * 30, "top_n")]
)
def test_a_query_s_values_are_checked_like_json_s(text, name):
    with pytest.raises(InvalidRequest, match=name) as caught:
        Options.from_query({name: text})
    assert caught.value.details["path"] == f"?{name}"


def test_a_tag_stands_for_its_kinds():
    assert set(filter(matcher(("VV", "NNG")), TAGS)) == {"VV", "VV-R", "VV-I", "NNG"}
    assert set(filter(matcher(("VV-I",)), TAGS)) == {"VV-I"}


def test_every_option_has_a_meaning():
    assert all(option.meaning and option.operations for option in OPTIONS.values())


def test_a_whole_number_may_be_written_with_a_point():
    assert Options.from_members({"top_n": 2.0}) == Options(top_n=2)
    for value in (2.5, float("inf"), float("nan")):
        with pytest.raises(InvalidRequest, match="not a whole number"):
            Options.from_members({"top_n": value})


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("1/2", "blocklist[1] is '1/2': there is no tag '2'"),
        ("가/VV-X", "there is no tag 'VV-X'"),
        ("가/nng", "there is no tag 'nng'"),
        ("\ud83d", r"blocklist[1] is '\ud83d', which is not Unicode: code point 0 is a lone surrogate"),
        ("가/NNG\ud800", "which is not Unicode: code point 5"),
    ],
)
def test_an_entry_that_the_engine_does_not_take_is_named(entry, wanted):
    with pytest.raises(InvalidOption) as caught:
        Options.checked("analyze", {"blocklist": ["가", entry]})
    assert wanted in caught.value.message
    assert caught.value.details["path"] == "/blocklist/1"
    assert caught.value.message.isprintable()


def test_an_analyzer_s_name_that_is_not_unicode_is_refused_as_such():
    with pytest.raises(InvalidOption, match=r"analyzer is .* which is not Unicode"):
        Options.from_members({"analyzer": "a\udfff"})


@pytest.mark.parametrize("value", [5, 2.5, True, object()])
def test_something_else_than_a_list_is_refused_with_an_example(value):
    with pytest.raises(InvalidRequest, match="blocklist is not an array of strings"):
        Options.checked("analyze", {"blocklist": value})

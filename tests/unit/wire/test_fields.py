import pytest

from nlpbatch.errors import UnknownField
from nlpbatch.wire.fields import DEFAULT_FIELDS, KIWI_FIELDS, MECAB_FIELDS, TOKEN_FIELDS, check_fields


def test_known_fields_come_back_in_the_order_asked_for():
    assert check_fields(["tag", "form"]) == ("tag", "form")
    assert check_fields(name for name in TOKEN_FIELDS) == tuple(TOKEN_FIELDS)
    assert check_fields(DEFAULT_FIELDS) == DEFAULT_FIELDS


@pytest.mark.parametrize(
    ("names", "why", "field"),
    [
        (["form", "colour"], "unknown token field 'colour': choose from form, tag", "colour"),
        (["Form"], "unknown token field 'Form'", "Form"),
        ([""], "unknown token field ''", ""),
        (["form", "tag", "form"], "'form' is asked for twice", "form"),
        ([], "no token field asked for", None),
    ],
)
def test_a_list_of_fields_that_cannot_be_answered_is_refused_by_name(names, why, field):
    with pytest.raises(UnknownField, match=why) as caught:
        check_fields(names)
    assert caught.value.details.get("field") == field


def test_every_field_has_a_meaning_for_people():
    assert all(field.meaning and name == field.name for name, field in TOKEN_FIELDS.items())


def test_of_kiwis_fields_only_a_script_may_be_missing():
    assert [name for name in KIWI_FIELDS if TOKEN_FIELDS[name].nullable] == ["script"]


def test_every_engine_has_the_fields_that_are_requested_by_default():
    assert set(DEFAULT_FIELDS) <= set(KIWI_FIELDS) & set(MECAB_FIELDS)
    assert set(KIWI_FIELDS) | set(MECAB_FIELDS) == set(TOKEN_FIELDS)

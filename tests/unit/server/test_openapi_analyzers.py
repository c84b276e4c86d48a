"""The description of a service whose analyzers are known."""

import pytest
from jsonschema_rs import Draft202012Validator

from nlpbatch.errors import InvalidOption
from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire.analyzer import AnalyzerInfo, OfferedOperation
from nlpbatch.wire.fields import MECAB_FIELDS
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import Options, options_of
from nlpbatch.wire.options.offered import resolve
from tests.fakes.openapi import DOCUMENT, references


def own(name, **results):
    operations = tuple(OfferedOperation(one, "/v1/call", f"about {one}", type_) for one, type_ in results.items())
    return AnalyzerInfo(name, "f", f"python:{name}:load", "", {}, (), operations, "")


KIWI = AnalyzerInfo(
    "words", "f", "kiwi", "cong", {}, ("form", "tag"), (OfferedOperation("analyze", "/v1/analyze", "tokens"),)
)
SIZE = {"struct": {"long": "bool", "of": {"list": {"struct": {"at": "int32", "share": "float32"}}}}}
LABELS = {"list": {"struct": {"label": "string", "big": "int64"}}}
SEVERAL = openapi_document(SizeLimits(), [KIWI, own("mine", size=SIZE, labels=LABELS), own("default", labels=LABELS)])


def known(name):
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": SEVERAL["components"]})


@pytest.mark.parametrize(
    ("members", "fits"),
    [
        ({"analyzer": "mine", "operation": "size"}, True),
        ({"analyzer": "mine", "operation": "labels"}, True),
        ({"analyzer": "mine"}, False),
        ({"analyzer": "mine", "operation": None}, False),
        ({"analyzer": "words", "operation": "size"}, False),
        ({"operation": "size"}, False),
        ({"operation": "labels"}, True),
        ({"analyzer": None, "operation": ""}, True),
        ({}, True),
        ({"analyzer": "other"}, False),
        ({"fields": ["form"]}, False),
    ],
)
def test_a_call_names_an_analyzer_and_an_operation_that_it_has(members, fits):
    assert known("CallRequest").is_valid({"texts": ["가"]} | members) == fits


@pytest.mark.parametrize(
    ("analyzer", "result", "fits"),
    [
        ("mine", {"long": True, "of": [{"at": 1, "share": 0.5}, None]}, True),
        ("mine", {"long": None, "of": None}, True),
        ("mine", None, True),
        ("mine", [{"label": "x", "big": 2**63 - 1}, {"label": None, "big": None}], True),
        ("default", [{"label": "x", "big": 1}], True),
        ("default", {"long": True, "of": []}, False),
        ("mine", {"long": True}, False),
        ("mine", {"long": True, "of": [], "more": 1}, False),
        ("mine", {"long": True, "of": [{"at": 2**31, "share": 0.5}]}, False),
        ("mine", {"long": 1, "of": []}, False),
        ("mine", [{"label": "x", "big": 0.5}], False),
        ("words", [{"label": "x", "big": 1}], False),
    ],
)
def test_a_result_has_the_type_that_an_operation_of_its_analyzer_declares(analyzer, result, fits):
    answer = {"analyzer": analyzer, "fingerprint": "f", "outcomes": [{"result": result, "error": None}]}
    assert known("CallAnswer").is_valid(answer) == fits


def test_only_what_the_analyzers_offer_is_described_with_their_names():
    operations = {path for path in SEVERAL["paths"] if "post" in SEVERAL["paths"][path]}
    assert operations == {"/v1/analyze", "/v1/call"}
    ask = SEVERAL["components"]["schemas"]["AnalyzeRequest"]
    assert ask["required"] == ["texts", "analyzer"]  # none is named default
    assert ask["properties"]["analyzer"]["enum"] == ["words"]
    query = {one["name"]: one for one in SEVERAL["paths"]["/v1/call"]["post"]["parameters"] if one["in"] == "query"}
    assert query["analyzer"]["schema"]["enum"] == ["mine", "default"]
    assert query["operation"]["schema"]["enum"] == ["size", "labels", ""]
    assert "`size` of analyzer `mine` (about size)" in SEVERAL["paths"]["/v1/call"]["post"]["description"]
    size = SEVERAL["components"]["schemas"]["Result.mine.size"]["description"]
    assert "in Arrow `struct<long: bool, of: list<item: struct<at: int32, share: float>>>`" in size


def test_every_reference_of_a_known_service_leads_somewhere():
    # Without Kiwi's other operations, some of the schemas of their answers are not used.
    assert {one.rpartition("/")[2] for one in references(SEVERAL)} <= set(SEVERAL["components"]["schemas"])


VALUES = {"boolean": True, "integer": 2, "number": 1.0, "string": "basic", "array": ["NNG"]}


@pytest.mark.parametrize("option", [one for one in options_of("analyze") if one.name != "analyzer"])
def test_an_option_is_marked_with_a_tag_set_just_when_analyzers_with_another_refuse_it(option):
    schema = DOCUMENT["components"]["schemas"]["AnalyzeRequest"]["properties"][option.name]
    kinds = [one for one in schema["type"] if one != "null"]
    value = VALUES[kinds[0]]
    if option.choices and option.name != "tags":
        value = list(option.choices[:1]) if kinds[0] == "array" else option.choices[1]
    mecab = AnalyzerInfo(
        "fast", "f", "mecab", "", {}, MECAB_FIELDS, (OfferedOperation("analyze", "…", "…"),), "mecab-ko"
    )
    try:
        resolve(Options.checked("analyze", {option.name: value}), mecab)
        taken = True
    except InvalidOption:
        taken = False
    assert taken == ("x-tagset" not in schema)

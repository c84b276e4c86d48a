"""What the description says, held against the tables and functions that it was made from."""

import json

import pytest
from jsonschema_rs import Draft202012Validator

from nlpbatch.errors import NlpbatchError, Overloaded, TooManyFailedKeys
from nlpbatch.server.analyzers import Analyzers
from nlpbatch.server.config import ServerSettings
from nlpbatch.server.main import build_app
from nlpbatch.server.metrics import ServerMetrics
from nlpbatch.server.openapi import answers
from nlpbatch.server.openapi.dataclass_schema import dataclass_schemas
from nlpbatch.wire.analyze import parse_request
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import DOCUMENT_MEMBERS, OPERATIONS, OPTIONS, options_of
from nlpbatch.wire.outcome import DOCUMENT_CODES
from nlpbatch.wire.problem import STATUS_BY_ERROR, to_problem
from nlpbatch.wire.tags import TAGS
from tests.fakes.openapi import DOCUMENT, references


def validator(name):
    whole = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(whole)


DOCUMENTS = {"join": [[["가", "NNG"]], None], "glue": [["가", "나"], None]}
REQUESTS = [
    ("analyze", {}),
    ("analyze", {"top_n": 10, "sentences": False}),
    ("analyze", {"top_n": None, "sentences": True}),
    ("analyze", {"top_n": 2, "sentences": True}),
    ("analyze", {"top_n": 0}),
    ("analyze", {"top_n": 11}),
    ("analyze", {"top_n": True}),
    ("analyze", {"top_n": 2.0}),
    ("analyze", {"top_n": 2.5}),
    ("analyze", {"top_n": "2"}),
    ("analyze", {"fields": ["form", "tag"]}),
    ("analyze", {"fields": []}),
    ("analyze", {"fields": ["form", "form"]}),
    ("analyze", {"fields": ["colour"]}),
    ("analyze", {"tags": ["NNG", "VV", "VV"]}),
    ("analyze", {"tags": []}),
    ("analyze", {"tags": ["NOUN"]}),
    ("analyze", {"oov_handling": "chr"}),
    ("analyze", {"oov_handling": None}),
    ("analyze", {"oov_handling": "guess"}),
    ("sentences", {"blocklist": ["가" * 100]}),
    ("sentences", {"blocklist": ["가" * 101]}),
    ("sentences", {"blocklist": [""]}),
    ("sentences", {"blocklist": ["x"] * 1001}),
    ("sentences", {"fields": ["form"], "return_tokens": True}),
    ("sentences", {"stopwords": ["가", "나/NNG"], "return_tokens": True}),
    ("analyze", {"stopwords": True}),
    ("analyze", {"stopwords": ["가"]}),
    ("analyze", {"stopwords": "가"}),
    ("analyze", {"typos": "basic", "typo_cost_threshold": 2}),
    ("analyze", {"typos": "odd"}),
    ("analyze", {"typo_cost_threshold": 101}),
    ("analyze", {"typo_cost_threshold": "2"}),
    ("analyze", {"allowed_dialects": ["jeju", "standard"], "dialect_cost": 0.5}),
    ("analyze", {"allowed_dialects": ["busan"]}),
    ("analyze", {"allowed_dialects": "jeju"}),
    ("analyze", {"pretokenized": [[[0, 1], [0, 1, "NNG"], [0, 1, [["가", "NNG", 0, 1]]]], None]}),
    ("analyze", {"pretokenized": [[[0]], None]}),
    ("analyze", {"pretokenized": [[[0, 1.5]], None]}),
    ("analyze", {"pretokenized": None}),
    ("space", {"pretokenized": [None, None]}),
    ("join", {"lm_search": False, "return_positions": True}),
    ("join", {"return_positions": 1}),
    ("join", {"morphemes": [[["가", "NNG", True], ["가", "NNG", None]], [], None]}),
    ("join", {"morphemes": [[["가"]]]}),
    ("join", {"morphemes": [["가", "NNG"]]}),
    ("glue", {"return_space_insertions": True, "insert_new_lines": [[True, False], None]}),
    ("glue", {"insert_new_lines": [True, False]}),
    ("glue", {"chunks": ["가", "나"]}),
    ("glue", {"chunks": [["가", None]]}),
    ("space", {"reset_whitespace": True}),
    ("space", {"reset_whitespace": "true"}),
    ("space", {"unknown": 1}),
]


@pytest.mark.parametrize(("operation", "options"), REQUESTS)
def test_a_request_fits_the_description_just_when_the_service_takes_it(operation, options):
    members = {DOCUMENT_MEMBERS[operation][0]: DOCUMENTS.get(operation, ["가", None])} | options
    try:
        parse_request(json.dumps(members).encode(), operation)
        taken = True
    except NlpbatchError:
        taken = False
    assert validator(f"{operation.capitalize()}Request").is_valid(members) == taken


def test_texts_are_strings_or_null_and_no_more_than_the_limit():
    check = validator("SpaceRequest")
    assert check.is_valid({"texts": ["", None, "가"]})
    assert not check.is_valid({"texts": [""] * 4})
    assert not check.is_valid({"texts": [1]})
    assert not check.is_valid({})


def test_every_option_is_in_the_body_and_in_the_query_of_its_operations():
    described = set()
    for operation in OPERATIONS:
        names = {option.name for option in options_of(operation)}
        ask = DOCUMENT["paths"][f"/v1/{operation}"]["post"]
        body = DOCUMENT["components"]["schemas"][f"{operation.capitalize()}Request"]
        assert set(body["properties"]) == names | set(DOCUMENT_MEMBERS[operation])
        assert {one["name"] for one in ask["parameters"] if one["in"] == "query"} == names
        described |= names
    assert described == set(OPTIONS)


@pytest.mark.parametrize("cls", STATUS_BY_ERROR)
def test_a_problem_fits_its_status_and_no_error_is_left_out(cls):
    groups = (answers.ANYWHERE, answers.ASKING, answers.WORKING, answers.PROXY)
    if cls in (*answers.OF_CLIENTS, *answers.ELSEWHERE):
        return
    problem = to_problem(cls("…", retry_after_s=0.5, request_id="r", path="/texts")) | {"limit": 3}
    described = answers.problems(*groups)[str(problem["status"])]
    schema = described["content"]["application/problem+json"]["schema"]
    check = Draft202012Validator(schema | {"components": DOCUMENT["components"]})
    assert check.is_valid(problem)
    assert not check.is_valid(problem | {"code": "other"})
    assert ("Retry-After" in described["headers"]) == (issubclass(cls, Overloaded) or cls is TooManyFailedKeys)


def test_an_answer_may_have_every_error_of_a_document_and_no_other():
    check = validator("SpaceAnswer")
    answer = {"analyzer": "a", "fingerprint": "f"}
    for code in DOCUMENT_CODES:
        assert check.is_valid(answer | {"outcomes": [{"text": None, "error": {"code": code, "message": "…"}}]})
    assert not check.is_valid(answer | {"outcomes": [{"text": None, "error": {"code": "odd", "message": "…"}}]})
    assert not check.is_valid(answer | {"outcomes": [{"tokens": [], "error": None}]})


@pytest.mark.parametrize(
    ("outcome", "fits"),
    [
        ({"tokens": [{"form": "가", "tag": "VV", "start": 0, "end": 1, "script": None}]}, True),
        ({"tokens": [{"form": None}]}, False),
        ({"tokens": [{"tag": "NOUN"}]}, False),
        ({"tokens": [{}]}, False),
        ({"tokens": [], "sentences": [{"start": 0, "end": 1}]}, True),
        ({"candidates": [{"tokens": [{"len": 1}], "score": -1.5}]}, True),
        ({"candidates": [{"tokens": []}]}, False),
        ({"tokens": None}, True),
    ],
)
def test_an_analysis_has_the_members_that_its_options_ask_for(outcome, fits):
    answer = {"analyzer": "a", "fingerprint": "f", "outcomes": [outcome | {"error": None}]}
    assert validator("AnalyzeAnswer").is_valid(answer) == fits


def test_the_catalogue_fits_as_it_is_written():
    info = AnalyzerInfo("default", "f", "kiwi", "cong", {"z_coda": True}, ("form",))
    members = json.loads(json.dumps(Catalogue((info,), SizeLimits()).to_json()))
    assert validator("Catalogue").is_valid(members)
    del members["limits"]["documents"]
    assert not validator("Catalogue").is_valid(members)


def test_members_of_dataclasses_are_described_by_their_docstrings():
    found = dataclass_schemas(Catalogue, "#/")
    assert found["AnalyzerInfo"]["properties"]["fingerprint"]["description"].startswith("Hash of all")
    assert found["SizeLimits"]["properties"]["documents"]["description"] == "Most documents in one request."


def test_every_tag_has_its_meaning_in_the_description():
    assert list(DOCUMENT["components"]["schemas"]["Tag"]["x-meanings"]) == list(TAGS)


def test_every_reference_leads_somewhere_and_every_schema_is_used():
    used = {one.rpartition("/")[2] for one in references(DOCUMENT)}
    assert used == set(DOCUMENT["components"]["schemas"])


def test_every_endpoint_is_described_but_the_page_and_the_description():
    metrics = ServerMetrics()
    settings = ServerSettings()
    app = build_app(settings, Analyzers(settings, metrics), metrics)
    served = {(route.resource.canonical, route.method.lower()) for route in app.router.routes()}
    pages = {route for route in served if route[0].startswith(("/docs", "/openapi.json"))}
    described = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert {route for route in served - pages if route[1] != "head"} == described

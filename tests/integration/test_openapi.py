"""The running API held against its own description, with what Schemathesis thinks of to send."""

import tomllib

import pyarrow as pa
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from nlpbatch.server.config import ServerSettings
from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.media import ARROW_STREAM, CALL_PATH, JSON
from nlpbatch.wire.tags import KIWI_TAGS
from tests.fakes.own_service import own_analyzers, write_config
from tests.fakes.running_api import PATIENCE_S, running_api

# As many texts as may be sent are sent, too: of 10,000, other tests see to.
CONFIG = """
[pool]
workers = 2
[limits]
documents = 50
"""
LIMITS = ServerSettings.model_validate(tomllib.loads(CONFIG)).limits.to_wire()
TEXTS = st.lists(st.none() | st.text(max_size=20), max_size=5).map(lambda texts: pa.array(texts, pa.string()))
ENCODED = TEXTS.map(encode_request)
DAMAGED = st.builds(lambda body, cut: body[: -1 - cut], ENCODED, st.integers(0, 300)) | st.binary(max_size=64)
schemathesis.openapi.media_type(ARROW_STREAM, st.one_of(ENCODED, ENCODED, ENCODED, DAMAGED))
CHECKED = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    with running_api("kiwi", tmp_path_factory.mktemp("few"), CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    directory = tmp_path_factory.mktemp("own")
    config = write_config(directory).read_text().replace("size_bytes = 0", "size_bytes = 1_048_576")
    with running_api("kiwi", directory, f"{config}\n[limits]\ndocuments = 50\n") as running:
        yield running


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def only(encoding, document, locations=("query", "header")):
    """Leave out the other encoding of requests, and parameters in other locations."""
    for operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        for other in set(content) - {encoding}:
            del content[other]
        operation["parameters"] = [one for one in operation["parameters"] if one["in"] in locations]
    return document


def sayable(document):
    """Leave out what a description can't say: arrays as long as another, and what only other analyzers have."""
    for schema in document["components"]["schemas"].values():
        for name in ("pretokenized", "insert_new_lines", "allowed_dialects"):
            schema.get("properties", {}).pop(name, None)
        if "fields" in schema.get("properties", {}) and "items" in schema["properties"]["fields"]:
            schema["properties"]["fields"]["items"]["enum"] = list(KIWI_FIELDS)
    document["components"]["schemas"]["Tag"]["enum"] = list(KIWI_TAGS)
    return document


# 413 for too many texts is a refusal, too. Schemathesis leaves it out of its own list.
REFUSALS = [400, 404, 406, 413, 415, 422]
CONFIGURED = SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}})
# A description can't say that the query is for Arrow alone, and a pin fits without there being such a version.
JSON_ALONE = schemathesis.openapi.from_dict(
    sayable(only(JSON, openapi_document(LIMITS), locations=())), config=CONFIGURED
)
ARROW_ALONE = schemathesis.openapi.from_dict(only(ARROW_STREAM, openapi_document(LIMITS)), config=CONFIGURED)


OWN_JSON = schemathesis.openapi.from_dict(
    only(JSON, openapi_document(LIMITS, own_analyzers()), locations=()), config=CONFIGURED
)
OWN_ARROW = schemathesis.openapi.from_dict(
    only(ARROW_STREAM, openapi_document(LIMITS, own_analyzers())), config=CONFIGURED
)


def test_the_description_that_is_served_is_the_one_that_is_made_from_the_tables(few):
    answer = few.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    catalogue = Catalogue.from_json(few.get("/v1/analyzers").json())
    assert answer.json() == openapi_document(LIMITS, catalogue.analyzers)
    assert "/v1/call" not in answer.json()["paths"]


@JSON_ALONE.parametrize()
@CHECKED
def test_what_fits_the_description_is_taken_and_what_does_not_is_refused(few, case):
    case.call_and_validate(base_url=few.url, timeout=PATIENCE_S)


@ARROW_ALONE.include(method="POST").parametrize()
@CHECKED
def test_every_answer_to_arrow_and_to_headers_is_one_that_is_described(few, case):
    case.call_and_validate(base_url=few.url, timeout=PATIENCE_S, excluded_checks=[positive_data_acceptance])


@OWN_JSON.include(path=CALL_PATH).parametrize()
@CHECKED
def test_a_call_that_fits_is_taken_and_its_result_has_the_type_that_is_described(own, case):
    case.call_and_validate(base_url=own.url, timeout=PATIENCE_S)


@OWN_ARROW.include(path=CALL_PATH).parametrize()
@CHECKED
def test_every_answer_to_a_call_in_arrow_is_one_that_is_described(own, case):
    case.call_and_validate(base_url=own.url, timeout=PATIENCE_S, excluded_checks=[positive_data_acceptance])


def test_only_operations_of_one_s_own_are_described_where_there_are_no_others(own):
    document = own.get("/openapi.json").json()
    assert document == openapi_document(LIMITS, own_analyzers())
    posts = [path for path, methods in document["paths"].items() if "post" in methods]
    assert posts == [CALL_PATH]
    results = {name for name in document["components"]["schemas"] if name.startswith("Result.")}
    assert results == {
        *(f"Result.{name}.{one}" for name in ("own", "other") for one in ("size", "words")),
        "Result.single.nest",
    }

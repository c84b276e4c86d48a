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
from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.media import ARROW_STREAM, JSON
from nlpbatch.wire.tags import KIWI_TAGS
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


def test_the_description_that_is_served_is_the_one_that_is_made_from_the_tables(few):
    answer = few.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == openapi_document(LIMITS)


@JSON_ALONE.parametrize()
@CHECKED
def test_what_fits_the_description_is_taken_and_what_does_not_is_refused(few, case):
    case.call_and_validate(base_url=few.url, timeout=PATIENCE_S)


@ARROW_ALONE.include(method="POST").parametrize()
@CHECKED
def test_every_answer_to_arrow_and_to_headers_is_one_that_is_described(few, case):
    case.call_and_validate(base_url=few.url, timeout=PATIENCE_S, excluded_checks=[positive_data_acceptance])

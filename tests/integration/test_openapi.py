"""The running API held against its own description, with what Schemathesis thinks of to send."""

import tomllib

import pyarrow as pa
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from nlpbatch.server.config import ServerSettings
from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ARROW_STREAM
from tests.integration.conftest import CONFIG

LIMITS = ServerSettings.model_validate(tomllib.loads(CONFIG)).limits.to_wire()
TEXTS = st.lists(st.none() | st.text(max_size=20), max_size=5).map(lambda texts: pa.array(texts, pa.string()))
schemathesis.openapi.media_type(ARROW_STREAM, TEXTS.map(encode_request) | st.binary(max_size=64))
CHECKED = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def only_json(document):
    """Leave out what an Arrow request has beside its body, and the pin: what is left must be taken whenever it fits."""
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [
                one for one in operation["parameters"] if one["in"] != "query" and one["name"] != "If-Match"
            ]
            operation.get("requestBody", {"content": {}})["content"].pop(ARROW_STREAM, None)
    return document


BOTH = schemathesis.openapi.from_dict(openapi_document(LIMITS))
JSON_ALONE = schemathesis.openapi.from_dict(only_json(openapi_document(LIMITS)))


def test_the_description_that_is_served_is_the_one_that_is_made_from_the_tables(api):
    answer = api.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == openapi_document(LIMITS)


@BOTH.parametrize()
@CHECKED
def test_every_answer_is_one_that_is_described(api, case):
    # Options in the query fit beside a JSON body as far as a description can say, and are refused.
    case.call_and_validate(base_url=api.url, excluded_checks=[positive_data_acceptance])


@JSON_ALONE.parametrize()
@CHECKED
def test_what_fits_the_description_is_taken_and_what_does_not_is_refused(api, case):
    case.call_and_validate(base_url=api.url)

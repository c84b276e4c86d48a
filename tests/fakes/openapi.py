"""The description of a service that is not known yet."""

from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire.limits import SizeLimits

DOCUMENT = openapi_document(SizeLimits(documents=3))


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    for member in value if isinstance(value, list) else ():
        yield from references(member)

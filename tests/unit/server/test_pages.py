"""The description of the API, which follows the analyzers."""

from nlpbatch.errors import NoCapacity
from nlpbatch.server.pages import Description
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue, OfferedOperation
from nlpbatch.wire.limits import SizeLimits


def info(name="default", fingerprint="1"):
    operations = (OfferedOperation("analyze", "/v1/analyze", "…"),)
    return AnalyzerInfo(name, fingerprint, "kiwi", "cong", {}, ("form",), operations)


def test_the_description_says_that_the_analyzers_are_being_loaded_until_they_have():
    loaded: list[AnalyzerInfo] = []

    def catalogue():
        if not loaded:
            raise NoCapacity("still being loaded")
        return Catalogue(tuple(loaded), SizeLimits())

    description = Description(SizeLimits(), catalogue)
    before = description.resource()
    assert b"are still being loaded" in before.body
    assert b"/v1/sentences" in before.body
    assert description.resource() is before
    loaded.append(info())
    after = description.resource()
    assert b"are still being loaded" not in after.body
    assert b"/v1/sentences" not in after.body  # no analyzer offers it
    assert after.etag != before.etag
    assert description.resource() is after

import json

import pytest

from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.limits import SizeLimits

INFO = AnalyzerInfo("default", "f1", "kiwipiepy 0.24.1", "cong 0.24.0", {"z_coda": True}, ("form", "tag"))


def test_a_catalogue_is_the_same_on_both_sides_of_the_wire():
    catalogue = Catalogue((INFO,), SizeLimits(1000, 10, 100))
    assert Catalogue.from_json(json.loads(json.dumps(catalogue.to_json()))) == catalogue


def test_an_analyzer_is_found_by_its_name():
    catalogue = Catalogue((INFO,), SizeLimits())
    assert catalogue.get("default") is INFO
    assert catalogue.get("other") is None


def test_limits_of_a_newer_service_are_read_as_far_as_they_are_known():
    assert SizeLimits.from_json({"documents": 5, "sentences": 7}) == SizeLimits(documents=5)


@pytest.mark.parametrize("members", [{}, {"analyzers": []}, {"limits": {}}, {"analyzers": [{}], "limits": {}}])
def test_what_is_missing_is_an_error(members):
    with pytest.raises(KeyError):
        Catalogue.from_json(members)

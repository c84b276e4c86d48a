"""The contract holds to its record: what was promised stays, what is added is counted."""

import copy

import pytest

from nlpbatch.errors import UnexpectedAnswer
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.contract import CONTRACT_VERSION, check_contract, other_major_of
from nlpbatch.wire.limits import SizeLimits
from tests.fakes.wire_contract import contract_today, differences, read_record

RECORDED = read_record()


def test_what_the_contract_promised_is_still_so():
    gone, _ = differences(RECORDED, contract_today() | {"contract": RECORDED["contract"]})
    assert not gone, (
        f"version {RECORDED['contract']} of the contract promised this, and released clients rely on it: put it back, "
        "or serve it beside the new one; only another major version, under a path of its own, may leave it out (see "
        f"docs/wire-contract.md):\n{chr(10).join(gone)}"
    )


def test_what_is_added_to_the_contract_is_recorded_with_a_new_minor_version():
    _, added = differences(RECORDED, contract_today())
    assert not added, (
        "this is new in the contract. If older clients and services can ignore it, raise the minor version in "
        "nlpbatch/wire/contract.py, run python -m tests.fakes.wire_contract, and add it to CHANGELOG.md; a new "
        f"duty of the caller is no addition (see docs/wire-contract.md):\n{chr(10).join(added)}"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["errors"]["queue_full"].__setitem__(0, 503),
        lambda one: one["errors"].pop("draining"),
        lambda one: one["headers"].__setitem__("JOB", "X-Job"),
        lambda one: one["arrow"]["answers"]["space {}"].reverse(),
        lambda one: one["openapi"]["paths"].pop("/v1/glue"),
        lambda one: one["openapi"]["components"]["schemas"]["AnalyzeRequest"]["properties"].pop("fields"),
        lambda one: one["document_errors"].remove("worker_died"),
    ],
)
def test_a_change_of_the_contract_is_noticed(change):
    changed = copy.deepcopy(RECORDED)
    change(changed)
    gone, _ = differences(RECORDED, changed)
    assert gone


def test_prose_is_no_part_of_the_contract_and_names_are():
    schemas = RECORDED["openapi"]["components"]["schemas"]
    assert "description" not in schemas["AnalyzeRequest"]
    assert {"texts", "fields", "top_n", "stopwords"} <= schemas["AnalyzeRequest"]["properties"].keys()


def test_a_service_that_states_no_version_is_an_older_one_of_the_first():
    assert check_contract(None) == "1.0"
    assert check_contract("1.7") == "1.7"
    members = Catalogue((), SizeLimits()).to_json()
    assert members.pop("contract") == CONTRACT_VERSION
    assert Catalogue.from_json(members).contract == "1.0"


@pytest.mark.parametrize("stated", ["2.0", "0.9", "10.1", "", 1, ["1.0"]])
def test_a_service_of_another_major_version_is_refused_by_name(stated):
    with pytest.raises(UnexpectedAnswer, match=r"this client 1\.\d+: install the nlpbatch that the service has"):
        Catalogue.from_json(Catalogue((), SizeLimits()).to_json() | {"contract": stated})


@pytest.mark.parametrize(
    ("path", "major"),
    [("/v2/analyze", "2"), ("/v10", "10"), ("/v1/analyze", None), ("/v1/v2/", None), ("/v", None), ("/v2x", None)],
)
def test_the_major_version_is_in_the_path(path, major):
    assert other_major_of(path) == major

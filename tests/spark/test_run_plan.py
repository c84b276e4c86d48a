"""A plan of a run reads its input and its earlier starts, and writes nothing."""

import json
from dataclasses import replace

import pytest

from nlpbatch.errors import ConfigError, FingerprintMismatch, InvalidRequest
from nlpbatch.spark.run_plan import plan_run
from nlpbatch.spark.runs.identity import RunFile
from nlpbatch.spark.storage import Storage
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.media import JSON
from tests.fakes.service import FINGERPRINT, problem, reply

OFFERED = AnalyzerInfo("default", FINGERPRINT, "scripted", "none", {}, KIWI_FIELDS)
CATALOGUE = reply(200, json.dumps(Catalogue((OFFERED,), SizeLimits()).to_json()).encode(), JSON)
GONE = problem(FingerprintMismatch("that version is gone"))


def offer_one_version(exchange):
    (CATALOGUE if exchange.method == "GET" else GONE)(exchange)


@pytest.fixture
def planned(spark, source, options, scripted):
    """Return a function that plans a run of one file with a service that offers one version, and no earlier one."""
    source("a.parquet", id=[1, 2], text=["하나", None])
    service = scripted(offer_one_version, offers=False)

    def plan(**changes):
        return plan_run(spark.newSession(), options(service=service.url, api_key=None, **changes))

    return plan


def test_a_plan_knows_files_columns_and_version_and_writes_nothing(planned, source, tmp_path):
    plan = planned()
    assert list(plan.files) == [f"file:{source.folder}/a.parquet"]
    assert plan.source.schema.names == ["id", "text"]
    assert (plan.identity.fingerprint, plan.existing) == (FINGERPRINT, None)
    assert plan.name.startswith("out-")
    assert not (tmp_path / "out").exists()


def test_new_runs_have_names_of_their_own_and_a_resumed_one_keeps_its_name(planned):
    first, other = planned(), planned()
    assert first.name != other.name
    written = first.begin()
    resumed = planned()
    assert (resumed.name, resumed.existing.created_at) == (first.name, written.created_at)


def test_a_run_with_different_settings_is_refused_or_gets_a_version_beside(planned, tmp_path):
    planned().begin()
    with pytest.raises(ConfigError, match=r"was created with different settings: asked was .*--reprocess"):
        planned(fields=("form",))
    beside = planned(fields=("form",), reprocess=True)
    assert (beside.output.url, beside.existing) == (f"file:{tmp_path}/out.v2", None)
    assert planned(reprocess=True).output.url == f"file:{tmp_path}/out"
    assert planned(fields=("form",), overwrite=True).existing is None


def test_a_run_whose_version_is_gone_is_refused_with_both_remedies(planned, spark, tmp_path):
    written = planned().begin()
    output = Storage(spark, str(tmp_path / "out"))
    replace(written, identity=replace(written.identity, fingerprint="e" * 32)).write(output)
    with pytest.raises(
        ConfigError, match=r"cannot be resumed: .* let a server have that version again, or .*--reprocess"
    ):
        planned()
    assert planned(reprocess=True).output.url.endswith("/out.v2")
    assert RunFile.read(output).identity.fingerprint == "e" * 32


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"text": ("review",)}, InvalidRequest, "there is no column 'review': choose from id, text"),
        ({"text": ("id",)}, InvalidRequest, "column 'id' is bigint, not string"),
        ({"where": "rating > 5"}, ConfigError, "where 'rating > 5' can't be used"),
        ({"format": "orc"}, ConfigError, "can't be read as orc"),
    ],
)
def test_an_input_that_does_not_fit_the_options_is_refused(planned, tmp_path, changes, error, said):
    with pytest.raises(error, match=said):
        planned(**changes)
    assert not (tmp_path / "out").exists()

"""The previous release's clients against today's proxy and API, and the reverse, with real Kiwi."""

import hashlib
import json
import subprocess
import sys

import pytest
import urllib3

from tests.fakes.released import PREVIOUS, RELEASES, ROOT, said, today, unpacked

CALLER = str(ROOT / "tests" / "fakes" / "contract_caller.py")
JOB = str(ROOT / "tests" / "fakes" / "contract_job.py")


@pytest.fixture(scope="module")
def previous(tmp_path_factory):
    """Return the previous release."""
    return unpacked(PREVIOUS, tmp_path_factory.mktemp("previous"))


@pytest.fixture(scope="module")
def new_service(tmp_path_factory):
    with today().running(tmp_path_factory.mktemp("new")) as running:
        yield running


@pytest.fixture(scope="module")
def old_service(previous, tmp_path_factory):
    with previous.running(tmp_path_factory.mktemp("old")) as running:
        yield running


@pytest.fixture(scope="module")
def answers(previous, new_service, old_service):
    """Return what each client got from each service."""
    pairs = {
        ("old", "new"): (previous, new_service),
        ("new", "old"): (today(), old_service),
        ("new", "new"): (today(), new_service),
    }
    return {
        names: json.loads(said(release.run(CALLER, environment=service.environment))[-1])
        for names, (release, service) in pairs.items()
    }


def test_the_kept_wheels_are_those_that_were_released():
    listed = dict(reversed(line.split()) for line in (RELEASES / "SHA256SUMS").read_text().splitlines())
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in RELEASES.glob("*.whl")} == listed


def test_the_clients_are_of_different_releases(answers):
    assert answers["old", "new"]["version"] == "0.1.0"
    assert answers["new", "old"]["version"] == answers["new", "new"]["version"] != "0.1.0"


@pytest.mark.parametrize("pair", [("old", "new"), ("new", "old")])
@pytest.mark.parametrize("what", ["json", "arrow", "pinned", "sentences", "space"])
def test_clients_and_services_of_two_releases_understand_each_other(answers, pair, what):
    assert answers[pair][what] == answers["new", "new"][what]


@pytest.mark.parametrize("pair", [("old", "new"), ("new", "old")])
def test_what_is_asked_is_answered_in_full(answers, pair):
    found = answers[pair]
    tokens, errors = zip(*found["json"], strict=True)
    assert [one and one[0][:2] for one in tokens] == [["아버지", "NNG"], None, [], ["값", "NNG"], None]
    assert errors == (None, None, None, None, "invalid_text")
    assert found["asynchronous"] == [found["json"], found["fingerprint"]]
    assert found["pinned"][0] == found["pinned"][1]
    assert [name for name, *_ in found["analyzers"]] == ["default"]
    analysed, replayed = found["usage"]
    assert analysed > 0
    assert replayed > 0, "the second of two equal pinned requests is a replay"


@pytest.mark.parametrize("pair", [("old", "new"), ("new", "old")])
def test_refusals_have_the_same_class_and_code_on_both_sides(answers, pair):
    refused = answers[pair]["refused"]
    codes = {"pin": "fingerprint_mismatch", "analyzer": "unknown_analyzer", "key": "unauthenticated"}
    assert {name: refused[name][1] for name in codes} == codes
    assert {name: refused[name] for name in codes} == {name: answers["new", "new"]["refused"][name] for name in codes}
    assert not any(retryable for _, _, retryable, _ in refused.values())


def test_a_code_that_the_previous_client_does_not_know_is_an_error_of_its_status(answers):
    assert answers["new", "new"]["refused"]["tag"][:2] == ["InvalidOption", "invalid_option"]
    assert answers["old", "new"]["refused"]["tag"] == ["InvalidRequest", "invalid_request", False, True]


@pytest.mark.parametrize("pair", [("old", "new"), ("new", "old")])
def test_the_command_line_of_one_release_asks_the_service_of_another(previous, new_service, old_service, pair):
    release, service = (previous, new_service) if pair == ("old", "new") else (today(), old_service)
    done = release.run("-m", "nlpbatch", "analyze", given="아버지가 방에\n", environment=service.environment)
    assert "아버지" in "".join(said(done))
    assert "NNG" in done.stdout


def test_a_spark_job_with_the_previous_bundle_asks_todays_service(previous, new_service, tmp_path):
    bundle = tmp_path / "nlpbatch.zip"
    said(previous.run("-m", "nlpbatch", "bundle", "-o", str(bundle), environment={}))
    spark = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    rows = json.loads(said(previous.run(JOB, str(bundle), environment=spark | new_service.environment))[-1])
    assert [row["error"] for row in rows] == [None, None, None]
    assert [row["tokens"] and row["tokens"][0]["form"] for row in rows] == ["아버지", None, "값"]


@pytest.mark.parametrize("path", ["/v2/analyze", "/v2/analyzers"])
def test_a_client_of_another_major_version_is_told_which_one_this_is(new_service, path):
    headers = {"Authorization": f"Bearer {new_service.key}"}
    with urllib3.PoolManager(retries=False) as http:
        answer = http.request("GET", new_service.url + path, headers=headers)
    assert (answer.status, answer.json()["code"], answer.json()["contract"]) == (404, "not_found", "1.0")
    assert "under /v1/, not version 2" in answer.json()["detail"]


def test_an_operation_that_the_previous_service_lacks_is_refused_with_the_remedy(old_service):
    code = "import os; from nlpbatch import Client; Client(os.environ['NLPBATCH_SERVICE'], "
    code += "api_key=os.environ['NLPBATCH_API_KEY']).join([[('덥', 'VA'), ('어', 'EC')]])"
    failed: subprocess.CompletedProcess[str] = today().run("-c", code, environment=old_service.environment)
    assert failed.returncode == 1
    assert "doesn't have /v1/join: check the address, and that its version is at least this client's" in failed.stderr

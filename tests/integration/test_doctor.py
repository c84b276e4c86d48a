"""`nlpbatch doctor` against real services, against ones that are wrong in one thing, and where next to nothing is."""

import json
import os
import subprocess
import time
from email.utils import formatdate

import pytest

from nlpbatch.cli import main
from nlpbatch.cli.doctor import _checks
from nlpbatch.doctor import service as service_check
from nlpbatch.wire.media import JSON
from tests.fakes.bare_python import python_with
from tests.fakes.commands import ROOT, run
from tests.fakes.service import ScriptedService, hang, raw, reply

BASE = (
    *("aiohappyeyeballs", "aiohttp", "aiosignal", "attrs", "frozenlist", "idna", "multidict", "propcache", "yarl"),
    *("typing_extensions", "markdown-it-py", "mdurl", "Pygments", "rich", "shtab", "tenacity", "urllib3", "nlpbatch"),
)
WRONG_KEY = f"nlpb_0123456789ab_{'x' * 43}"
READY = json.dumps({"ready": True, "version": "0.1.0", "backends": []}).encode()


def doctor(*arguments, **variables):
    """Return the exit code, the findings by check, and what was complained of."""
    code, out, err = run("doctor", "--json", *arguments, **variables)
    assert "Traceback" not in err
    found = json.loads(out)
    return code, {one["check"]: one for one in found["checks"]}, err


def in_process(capsys, *arguments):
    code = main(["doctor", "--json", *arguments])
    return code, {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}


@pytest.fixture
def peer():
    """Return what runs a service that answers as it is told."""
    running = []

    def start(*steps):
        service = ScriptedService(*steps)
        running.append(service)
        return service.__enter__()

    yield start
    for service in running:
        service.__exit__(None, None, None)


def test_all_is_fine_where_all_is_well(stack):
    code, found, err = doctor(NLPBATCH_SERVICE=stack.service, NLPBATCH_API_KEY=stack.api_key)
    assert (code, err) == (0, "")
    assert {one["state"] for one in found.values()} == {"fine"}
    assert found["key"]["details"]["tenant"] == "local"
    assert found["analyzers"]["details"]["analyzers"]["default"]["engine"].startswith("kiwipiepy")
    assert found["analysis"]["details"]["tokens"] > 3
    assert abs(found["clock"]["details"]["skew_s"]) <= 1
    assert {"python", "packages", "packages[spark]", "java", "spark", "service", "versions"} <= set(found)


def test_people_get_a_line_and_the_remedy_and_the_key_is_in_neither(stack):
    code, out, err = run("doctor", NLPBATCH_SERVICE=stack.service, NLPBATCH_API_KEY=WRONG_KEY)
    assert (code, err) == (1, "")
    (line,) = [line for line in out.splitlines() if line.startswith("failed")]
    assert line.split()[:2] == ["failed", "key"]
    assert "-> check NLPBATCH_API_KEY, or ask the operator for a new key" in out
    assert "x" * 43 not in out
    assert "\x1b" not in out


def test_a_missing_key_and_an_api_without_a_proxy_are_told_apart(stack):
    code, found, _ = doctor("--service", stack.service)
    assert (code, found["key"]["state"]) == (1, "failed")
    assert "nlpbatch proxy key create" in found["key"]["remedy"]
    code, found, _ = doctor("--service", stack.api)
    assert (code, found["key"]["state"], found["analysis"]["state"]) == (0, "skipped", "fine")
    assert found["service"]["details"]["kind"] == "API"


@pytest.mark.parametrize(("ahead_s", "state", "code"), [(-2, "fine", 0), (60, "look", 3), (-4000, "failed", 1)])
def test_a_service_whose_clock_is_wrong(peer, capsys, ahead_s, state, code):
    wrong = {"Date": formatdate(time.time() + ahead_s, usegmt=True)}
    found = json.dumps({"analyzers": [], "outcomes": [{"tokens": [{"form": "가"}]}]}).encode()
    service = peer(reply(200, READY, JSON, wrong), reply(404, b"{}", JSON), reply(200, found, JSON))
    got, by_check = in_process(capsys, "--service", service.url)
    assert (got, by_check["clock"]["state"]) == (code, state)
    assert abs(by_check["clock"]["details"]["skew_s"] - ahead_s) <= 3
    assert bool(by_check["clock"]["remedy"]) is (state != "fine")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:{closed}", "no connection: .*refused"),
        ("http://nowhere.invalid:8700", "unknown to DNS|no connection"),
        ("https://127.0.0.1:{open}", "isn't accepted"),
    ],
)
def test_a_service_that_cannot_be_reached(stack, unused_port, url, said):
    import re  # noqa: PLC0415

    code, found, _ = doctor("--service", url.format(closed=unused_port, open=stack.service.rpartition(":")[2]))
    assert (code, found["service"]["state"]) == (1, "failed")
    assert re.search(said, found["service"]["found"])
    assert found["service"]["remedy"]
    assert "key" not in found


@pytest.fixture
def unused_port():
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


@pytest.mark.parametrize(
    ("step", "said"), [(raw(b"SSH-2.0-x\r\n"), "connection"), (reply(200, b"<html>"), "no nlpbatch service")]
)
def test_something_else_at_the_address(peer, capsys, step, said):
    code, found = in_process(capsys, "--service", peer(step).url)
    assert (code, found["service"]["state"]) == (1, "failed")
    assert said in found["service"]["found"]


def test_a_service_that_hangs_takes_bounded_time(peer, capsys, monkeypatch):
    monkeypatch.setattr(service_check, "_READ_S", 0.2)
    code, found = in_process(capsys, "--service", peer(hang()).url)
    assert (code, found["service"]["state"]) == (1, "failed")
    checks = _checks_of("--service", "http://127.0.0.1:1", "--master", "yarn", "--hdfs", "hdfs://x/")
    assert all(check.bound_s <= 130 for check in checks)


def _checks_of(*arguments):
    from nlpbatch.cli import build_parser  # noqa: PLC0415

    return _checks(build_parser().parse_args(["doctor", *arguments]))


def test_several_addresses_are_looked_at_one_by_one(stack, unused_port):
    both = f"{stack.service},http://127.0.0.1:{unused_port}"
    code, out, _ = run("doctor", NLPBATCH_SERVICE=both, NLPBATCH_API_KEY=stack.api_key)
    states = [line.split()[0] for line in out.splitlines() if line.split()[1] == "service"]
    assert (code, states) == (1, ["fine", "failed"])


def test_java_that_is_not_there_or_not_where_java_home_says(tmp_path):
    code, found, _ = doctor(PATH=str(tmp_path), JAVA_HOME="")
    assert (code, found["java"]["state"]) == (1, "failed")
    assert "apt-get install" in found["java"]["remedy"]
    code, found, _ = doctor(JAVA_HOME=str(tmp_path))
    assert (code, found["java"]["state"]) == (1, "failed")
    assert str(tmp_path) in found["java"]["found"]


def test_a_spark_home_without_spark(tmp_path):
    code, found, _ = doctor(SPARK_HOME=str(tmp_path))
    assert (code, found["spark"]["state"]) == (1, "failed")


@pytest.mark.parametrize(
    "options", [[], ["--master", "local[1]", "--hdfs", "hdfs://127.0.0.1:1/", "--service", "http://127.0.0.1:1"]]
)
def test_the_base_installation_is_enough_to_say_what_is_missing(tmp_path, options):
    python = python_with(tmp_path / "venv", BASE)
    done = subprocess.run(
        [python, "-m", "nlpbatch", "doctor", "--json", *options],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "HOME": os.environ["HOME"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    found = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert done.returncode == (1 if options else 0), found
    assert found["packages"]["state"] == "fine"
    assert found["packages[spark]"]["state"] == "skipped"
    assert found["java"]["state"] == found["spark"]["state"] == ("failed" if options else "skipped")
    assert all(one["remedy"] for one in found.values() if one["state"] in {"failed", "look"})


def test_wrong_arguments_are_an_error_before_anything_is_looked_at():
    for wrong in (["--service", "ftp://x"], ["--patience", "nan"], ["--patience", "0"]):
        code, out, err = run("doctor", *wrong)
        assert (code, out) == (2, "")
        assert err.startswith("nlpbatch: ")
        assert err.count("\n") == 1

"""Functions of one's own in real worker processes: killed, hanging, growing, and refused at the start."""

import json
import shutil
from pathlib import Path

import pytest

from nlpbatch.wire.media import CALL_PATH, JSON
from tests.fakes.running_api import eventually, refused, running_api

MODULE = Path(__file__).parents[1] / "fakes" / "rough_operations.py"
CONFIG = """
[pool]
workers = 2
memory_bytes = 67_108_864
[limits]
document_s = 0.5
[analyzers.own]
engine = "python:rough:load"
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    directory = tmp_path_factory.mktemp("api")
    shutil.copy(MODULE, directory / "rough.py")
    with running_api("kiwi", directory, CONFIG) as running:
        yield running


@pytest.fixture(autouse=True)
def released(request):
    yield
    if "api" in request.fixturenames:
        api = request.getfixturevalue("api")
        assert api.http.request("DELETE", f"{api.url}/quarantine").status == 204
        api.wait_for_workers(2)


def call(api, *texts):
    body = json.dumps({"texts": texts, "analyzer": "own", "operation": "follow"}).encode()
    answer = api.http.request("POST", api.url + CALL_PATH, body=body, headers={"Content-Type": JSON})
    assert answer.status == 200, answer.data
    outcomes = answer.json()["outcomes"]
    for text, outcome in zip(texts, outcomes, strict=True):
        assert (outcome["result"] is None) == (outcome["error"] is not None)
        if outcome["error"] is not None:
            assert text not in outcome["error"]["message"]
    return [outcome["error"] and outcome["error"]["code"] for outcome in outcomes]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("dead !die", "worker_died"),
        ("slow !hang", "deadline_exceeded"),
        ("large !grow=80", "memory_exceeded"),
        ("wrong !raise", "analysis_failed"),
    ],
)
def test_a_text_that_goes_wrong_costs_itself_alone(api, text, code):
    assert call(api, "before", text, "after") == [None, code, None]


def test_a_text_that_costs_two_workers_is_quarantined(api):
    for _ in range(2):
        assert call(api, "again !hang") == ["deadline_exceeded"]
    eventually(lambda: api.get("/quarantine").json()["documents"] != [])
    assert call(api, "again !hang", "other") == ["quarantined", None]
    assert "again" not in api.get("/quarantine").data.decode()


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("raises", "raised RuntimeError: the model is not there"),
        ("threads", "has started 1 threads while it was loaded (loader)"),
        ("always_fails", "operation fail fails on each of 8 plain sentences: the engine raised ZeroDivisionError"),
        ("after_fork", "operation at_home fails on each of 8 plain sentences: the engine raised OSError"),
        ("nowhere", "has no 'nowhere'"),
    ],
)
def test_an_engine_that_cannot_work_is_refused_before_it_serves(tmp_path, factory, says):
    shutil.copy(MODULE, tmp_path / "rough.py")
    ended = refused("kiwi", tmp_path, f'[pool]\nworkers = 1\n[analyzers.own]\nengine = "python:rough:{factory}"\n')
    assert ended.returncode == 2
    assert says in ended.stderr


def test_two_analyzers_of_one_name_are_refused_with_the_line(tmp_path):
    ended = refused("kiwi", tmp_path, '[analyzers.own]\nengine = "kiwi"\n[analyzers.own]\nengine = "python:a:b"\n')
    assert ended.returncode == 2
    assert "server.toml:3: not TOML" in ended.stderr


def test_an_installed_package_brings_an_engine(tmp_path, monkeypatch):
    """A distribution as pip would install it, in a directory of its own."""
    shutil.copy(MODULE, tmp_path / "rough_engine.py")
    with (tmp_path / "rough_engine.py").open("a") as file:
        file.write(
            "\nfrom dataclasses import replace\nfrom nlpbatch.engine.functions import FunctionEngine\n"
            "def Engine(spec):\n    return FunctionEngine(replace(spec, engine='python:rough_engine:load'))\n"
        )
    info = tmp_path / "rough_engine-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rough-engine\nVersion: 1.5\n")
    (info / "top_level.txt").write_text("rough_engine\n")
    (info / "entry_points.txt").write_text("[nlpbatch.engines]\nrough = rough_engine:Engine\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    directory = tmp_path / "service"
    directory.mkdir()
    with running_api("kiwi", directory, '[pool]\nworkers = 1\n[analyzers.own]\nengine = "rough"\n') as api:
        assert call(api, "some text") == [None]
        (known,) = api.get("/v1/analyzers").json()["analyzers"]
        assert known["model"] == "rough-engine 1.5"

"""TOML in README and docs is what the programs take: as part of a configuration, a recipe, a job or a workload."""

import tomllib
from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.server.config import ServerSettings
from nlpbatch.serving import settings
from nlpbatch.spark.options import JobOptions
from proxy.config import ProxySettings
from proxy.planning.workloads import Workload
from tests.docs.markdown import blocks_of
from tests.docs.pages import ROOT, english_pages

KEY = tomllib.loads((ROOT / "conf" / "proxy.toml").read_text())["tenants"]["default"]["keys"]


def _is_toml(text):
    """Whether an indented block, which says no language, is TOML."""
    try:
        return bool(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return False


FOUND = [
    pytest.param(block, id=f"{page}:{block.line}")
    for page in english_pages()
    for block in blocks_of(ROOT / page)
    if block.language == "toml" or (not block.language and _is_toml(block.text))
]


def as_proxy(given, _):
    members = {"backends": [{"url": "http://127.0.0.1:8701"}], "tenants": {"default": {}}} | given
    members["tenants"] = {name: {"keys": [f"{number:012x}{KEY[0][12:]}"]} | tenant
                          for number, (name, tenant) in enumerate(members["tenants"].items())}  # fmt: skip
    settings.check(members, ProxySettings, "proxy.toml")


def as_server(given, _):
    settings.check(given, ServerSettings, "server.toml")


def as_recipe(given, file):
    day = {"ds": "2026-11-01"} if "{{ ds }}" in file.read_text() else {}
    Recipe.check({"source": {"files": "a"}, "sink": {"path": "hdfs:///features/reviews"}} | given, variables=day)


def as_job(given, file):
    JobOptions.merge(file, {"input": None})
    assert given


def as_workload(_, file):
    settings.load(file, Workload)


def as_package(given, _):
    if given.keys() - {"project"}:
        raise ConfigError("not a pyproject.toml")


@pytest.mark.parametrize("block", FOUND)
def test_toml_is_accepted_by_what_it_is_for(block, tmp_path, monkeypatch):
    monkeypatch.setenv("NLPBATCH_REGISTRATION_SECRET", "secret of sixteen letters")
    monkeypatch.setenv("NLPBATCH_SHARED_SECRET", "secret of sixteen letters")
    file = Path(tmp_path / "block.toml")
    file.write_text(block.text, encoding="utf-8")
    given, refusals = tomllib.loads(block.text), []
    for secret in ("registration-secret", "fleet-secret"):
        (tmp_path / secret).write_text("secret of sixteen letters")
    monkeypatch.chdir(tmp_path)
    for accept in (as_proxy, as_server, as_recipe, as_workload, as_job, as_package):
        try:
            accept(given, file)
        except ConfigError as error:
            refusals.append(f"{accept.__name__}: {error.message}")
        else:
            return
    pytest.fail("\n".join(refusals))

"""The unit files as systemd and the shipped configurations see them."""

import configparser
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNITS = {"nlpbatch-api": "server.toml", "nlpbatch-proxy": "proxy.toml"}


@pytest.fixture(params=UNITS)
def name(request):
    return request.param


@pytest.fixture
def text(name):
    return (ROOT / "conf" / "deploy" / f"{name}.service").read_text(encoding="utf-8")


@pytest.fixture
def unit(text):
    # Comments only on lines of their own; names as they are; no interpolation of %.
    parser = configparser.RawConfigParser(comment_prefixes=("#",), strict=True)
    parser.optionxform = str
    parser.read_string(text)
    return parser


@pytest.fixture
def analyze():
    """The tool that knows systemd's rules; where it is absent, the test is skipped, under CI it fails."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        message = "needs systemd-analyze, of the package systemd"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return tool


def test_systemd_finds_nothing_wrong_with_it(analyze, name, text, tmp_path):
    program = tmp_path / "nlpbatch"
    program.symlink_to(sys.executable)
    file = tmp_path / f"{name}.service"
    file.write_text(text.replace("/opt/nlpbatch/bin/nlpbatch", str(program)), encoding="utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", str(file)], capture_output=True, text=True, check=False)
    about_it = [line for line in done.stderr.splitlines() if name in line]
    assert (done.returncode, about_it) == (0, [])


def test_systemd_would_say_so_if_something_were_wrong(analyze, text, tmp_path):
    file = tmp_path / "broken.service"
    file.write_text(text.replace("KillMode=mixed", "KillMode=gently").replace("Restart=always", "Restrat=always"))
    done = subprocess.run([analyze, "verify", "--man=no", str(file)], capture_output=True, text=True, check=False)
    assert "gently" in done.stderr
    assert "Restrat" in done.stderr


def test_it_comes_back_whatever_it_ended_by_and_never_gives_up(unit):
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_it_has_longer_to_stop_than_the_shipped_configuration_drains(name, unit):
    settings = tomllib.loads((ROOT / "conf" / UNITS[name]).read_text(encoding="utf-8"))
    assert int(unit["Service"]["TimeoutStopSec"]) > settings["listen"]["drain_timeout_s"] + 5
    assert f"/etc/nlpbatch/{UNITS[name]}" in unit["Service"]["ExecStart"]

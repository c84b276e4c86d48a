"""docs/engines.md, typed as it stands by somebody who has an empty directory."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.running_api import running_api

DOCUMENT = Path(__file__).parents[2] / "docs" / "engines.md"
PORT = "127.0.0.1:8701"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    directory = tmp_path_factory.mktemp("mood")
    module, _ = blocks("python")
    (words,), (config, _) = blocks("text"), blocks("toml")
    (directory / "mood.py").write_text(module, encoding="utf-8")
    # The service of a test runs elsewhere, and looks for the file where it was started.
    (directory / "words.txt").write_text(words, encoding="utf-8")
    with running_api("kiwi", directory, config.replace('"words.txt"', f'"{directory / "words.txt"}"')) as running:
        yield running


def test_the_command_answers(api):
    _, command = blocks("sh")
    command = command.replace(f"http://{PORT}", api.url)
    said = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True).stdout
    assert '"result":{"label":"good","score":0.6666' in said
    assert '"result":{"label":"unclear","score":0.0' in said


def test_the_script_prints_what_it_says(api, tmp_path):
    _, script = blocks("python")
    file = tmp_path / "script.py"
    file.write_text(script.replace(f"http://{PORT}", api.url), encoding="utf-8")
    said = subprocess.run([sys.executable, str(file)], check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == ["good 0.67", "unclear 0.0"]
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"`{line}`" in text for line in said.splitlines())


def test_kiwi_answers_beside_it(api):
    with api.client() as client:
        assert [token.form for token in client.analyze("한국어")[0].tokens] == ["한국어"]

"""`bin/release`: the same commit gives the same bytes, and what doesn't agree is refused."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import nlpbatch
from tests.fakes.released import ROOT
from tests.release_checks import IMAGES, faults_of_files, faults_of_source


def _release(directory: Path, umask: int) -> dict[str, bytes]:
    done = subprocess.run(
        [ROOT / "bin" / "release", "--draft", "-o", directory],
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_two_builds_in_two_places_are_equal_to_the_byte(tmp_path):
    made = _release(tmp_path / "a", 0o022)
    assert made == _release(tmp_path / "deeper" / "b", 0o077)
    version = nlpbatch.__version__
    names = {f"nlpbatch-{version}{end}" for end in (".tar.gz", "-py3-none-any.whl", "-executors.zip")}
    assert made.keys() == names | {"SHA256SUMS"}
    sums = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "a", check=False)
    assert sums.returncode == 0
    with zipfile.ZipFile(tmp_path / "a" / f"nlpbatch-{version}-py3-none-any.whl") as wheel:
        assert {"nlpbatch/wire/contract.py", "proxy/main.py", "jobs/analyze.py"} <= set(wheel.namelist())


@pytest.fixture
def source(tmp_path):
    """Return a copy of what the checks read."""
    for name in ("pyproject.toml", "CHANGELOG.md", *IMAGES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_version_is_the_same_everywhere():
    assert list(faults_of_source(ROOT, draft=True)) == []


@pytest.mark.parametrize("name", ["pyproject.toml", *IMAGES])
def test_another_version_in_one_place_is_a_fault_with_its_name(source, name):
    file = source / name
    file.write_text(file.read_text().replace(nlpbatch.__version__, "9.9.9"))
    faults = list(faults_of_source(source, draft=True))
    assert faults
    assert any(name in fault for fault in faults)


def test_a_release_needs_a_section_of_the_changelog(source):
    changelog = source / "CHANGELOG.md"
    text = "## [Unreleased]\n\n- version 1.0 of the contract\n"
    changelog.write_text(text)
    (fault,) = faults_of_source(source, draft=False)
    assert "rename Unreleased" in fault
    changelog.write_text(text + f"\n## [{nlpbatch.__version__}] - 2026-11-28\n")
    assert list(faults_of_source(source, draft=False)) == []


def test_files_that_lack_are_a_fault(tmp_path):
    (fault,) = faults_of_files(tmp_path, "1.0.0")
    assert "wanted" in fault

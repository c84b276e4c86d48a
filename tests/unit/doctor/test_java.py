import pytest

from nlpbatch.doctor.java import check_java


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Return what makes a program that says a version as Java does."""

    def make(said, code=0):
        program = tmp_path / "bin" / "java"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    return make


def found(*, needed=True):
    (one,) = check_java(needed=needed)
    return one


@pytest.mark.parametrize(
    ("said", "major", "state"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17, "fine"),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21" 2023-09-19', 21, "fine"),
        ('java version "1.8.0_392"', 8, "failed"),
        ('openjdk version "11.0.2"', 11, "failed"),
        ('openjdk version "25-ea" 2025-09-16', 25, "look"),
    ],
)
def test_the_version_decides(java, said, major, state):
    java(said)
    one = found()
    assert (one.state, one.details["major"]) == (state, major)
    assert bool(one.remedy) is (state != "fine")


def test_what_says_no_version_is_no_java(java):
    java("Error: no JVM", code=1)
    assert found().state == "failed"
    assert found(needed=False).state == "look"


def test_a_wrong_java_home_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    one = found()
    assert one.state == "failed"
    assert str(tmp_path) in one.found
    assert "JAVA_HOME" in one.remedy


def test_without_spark_nobody_needs_it(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found(needed=False).state == "skipped"
    assert found(needed=True).state == "failed"

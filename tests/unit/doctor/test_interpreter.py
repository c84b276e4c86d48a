import re
from importlib.metadata import PackageNotFoundError

import pytest

from nlpbatch.doctor import interpreter
from nlpbatch.doctor.interpreter import Requirement, check_packages


@pytest.mark.parametrize(
    ("line", "name", "bounds", "extra"),
    [
        ("rich>=14", "rich", ">=14", ""),
        ("pyspark<5,>=4.0; extra == 'spark'", "pyspark", "<5,>=4.0", "spark"),
        ('redis[hiredis]>=6 ; extra == "proxy"', "redis", ">=6", "proxy"),
        ("uvloop>=0.22; (sys_platform != 'win32') and extra == 'server'", "uvloop", ">=0.22", "server"),
        ("plain", "plain", "", ""),
    ],
)
def test_a_requirement_is_read_as_metadata_has_it(line, name, bounds, extra):
    assert Requirement.parse(line) == Requirement(name, bounds, extra)


@pytest.mark.parametrize(
    ("bounds", "version", "admitted"),
    [
        (">=4.0,<5", "4.3.0", True),
        (">=4.0,<5", "3.5.9", False),
        (">=4.0,<5", "5.0.0", False),
        (">=9.1,<10", "9.10.2", True),
        ("<0.25,>=0.24.1", "0.24.0", False),
        (">=1.8", "1.9.0.post1", True),
        (">=21", "21.0.0.dev3+g1", True),
        ("", "0.0.1", True),
    ],
)
def test_versions_are_compared_as_numbers(bounds, version, admitted):
    assert Requirement("x", bounds, "").admits(version) is admitted


def test_a_package_that_is_too_old_is_named_with_its_bounds_and_the_remedy(monkeypatch):
    monkeypatch.setattr(interpreter, "installed_version", lambda name: "3.4.1" if name == "pyspark" else "99.0")
    found = {one.check: one for one in check_packages()}
    spark = found["packages[spark]"]
    assert spark.state == "failed"
    assert re.search(r"pyspark 3\.4\.1 where .*3\.5.* is needed", spark.found)
    assert spark.remedy == "pip install 'nlpbatch[spark]'"


def test_extras_that_are_not_installed_are_no_fault(monkeypatch):
    monkeypatch.setattr(interpreter, "installed_version", lambda _: None)
    states = {one.check: one.state for one in check_packages()}
    assert states.pop("packages") == "failed"
    assert set(states.values()) == {"skipped"}


def test_without_metadata_it_says_so(monkeypatch):
    def missing(_):
        raise PackageNotFoundError

    monkeypatch.setattr(interpreter, "requires", missing)
    (found,) = check_packages()
    assert found.state == "look"

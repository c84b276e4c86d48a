"""Which sources and packages count for the version of functions of one's own."""

import importlib
import sys
import zipfile

import pytest

from nlpbatch.engine.sources import Unchanged, sources_of, version
from nlpbatch.errors import ConfigError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return what writes sources, by their paths."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def sources(module):
    importlib.invalidate_caches()
    before = frozenset(sys.modules)
    importlib.import_module(module)
    return sources_of(module, before)


def installed(directory, name, top, number="1.0"):
    info = directory / f"{name}-{number}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    (info / "top_level.txt").write_text("\n".join(top))


def test_modules_and_packages_beside_the_factory_count_as_far_as_it_imports_them(write):
    write(
        {
            "plain_a.py": "import plain_b, plain_pack.sub",
            "plain_b.py": "",
            "plain_c.py": "",
            "plain_pack/__init__.py": "",
            "plain_pack/sub.py": "from . import deep",
            "plain_pack/deep.py": "",
            "plain_pack/unused.py": "",
        }
    )
    found = sources("plain_a")
    assert set(found.hashes) == {"plain_a", "plain_b", "plain_pack", "plain_pack.sub", "plain_pack.deep"}
    assert found.packages == {}


def test_what_only_a_function_imports_counts_before_it_has(write):
    write(
        {
            "lazy_a.py": "def one(text):\n    from lazy_b import x\n    from lazy_pack.sub import y\n    import gone\n",
            "lazy_b.py": "if False:\n    import lazy_c",
            "lazy_c.py": "import lazy_d",
            "lazy_d.py": "def (",  # its fault shows when it is imported
            "lazy_pack/__init__.py": "",
            "lazy_pack/sub.py": "from .other import x",
            "lazy_pack/other.py": "",
        }
    )
    found = sources("lazy_a")
    assert "lazy_b" not in sys.modules
    assert set(found.hashes) == {
        *("lazy_a", "lazy_b", "lazy_c", "lazy_d"),
        *("lazy_pack", "lazy_pack.sub", "lazy_pack.other"),
    }


def test_of_a_package_in_several_directories_the_factory_s_counts(write, tmp_path, monkeypatch):
    for name in ("first", "second"):
        monkeypatch.syspath_prepend(tmp_path / name)
    write({"first/shared_a/own.py": "import shared_a.near, shared_a.far", "first/shared_a/near.py": ""})
    write({"second/shared_a/far.py": ""})
    installed(tmp_path / "second", "far", ["shared_a"], "4.0")
    found = sources("shared_a.own")
    assert set(found.hashes) == {"shared_a.own", "shared_a.near"}
    assert found.packages == {"far": "4.0"}


def test_equal_sources_have_equal_hashes_and_a_changed_one_another(write):
    write({"same_a.py": "import same_b", "same_b.py": "x = 1"})
    first = sources("same_a").hashes
    for name in first:
        del sys.modules[name]
    assert sources("same_a").hashes == first
    for name in first:
        del sys.modules[name]
    write({"same_b.py": "x = 2"})
    again = sources("same_a").hashes
    assert again["same_a"] == first["same_a"]
    assert again["same_b"] != first["same_b"]


def test_of_installed_modules_only_those_of_the_factory_s_package_count_and_others_by_version(write, tmp_path):
    write({"inst_a.py": "import inst_b, inst_other", "inst_b.py": "", "inst_other.py": "", "inst_unused.py": ""})
    installed(tmp_path, "inst", ["inst_a", "inst_b"])
    installed(tmp_path, "other", ["inst_other"], "2.5")
    installed(tmp_path, "unused", ["inst_unused"])
    found = sources("inst_a")
    assert set(found.hashes) == {"inst_a", "inst_b"}
    assert found.packages == {"other": "2.5"}


def test_packages_that_are_installed_below_the_directory_count_by_version_only(write, tmp_path, monkeypatch):
    packages = tmp_path / ".venv" / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "below_b.py").write_text("")
    installed(packages, "below", ["below_b"], "3.0")
    monkeypatch.syspath_prepend(packages)
    write({"below_a.py": "import below_b, json, pyarrow, nlpbatch.errors"})
    found = sources("below_a")
    assert set(found.hashes) == {"below_a"}
    assert found.packages == {"below": "3.0"}


def test_a_source_in_a_zip_file_counts(write, tmp_path, monkeypatch):
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped_a.py", "import zipped_b")
        file.writestr("zipped_b.py", "")
    monkeypatch.syspath_prepend(archive)
    assert set(sources("zipped_a").hashes) == {"zipped_a", "zipped_b"}


def test_a_source_that_has_changed_since_is_not_imported_any_more(write, tmp_path, monkeypatch):
    write({"late_a.py": "def one():\n    import late_b, late_pack.c\n    return late_b.x", "late_b.py": "x = 1"})
    write({"late_pack/__init__.py": "", "late_pack/c.py": ""})
    found = sources("late_a")
    monkeypatch.setattr(sys, "meta_path", [Unchanged(found), *sys.meta_path])
    write({"late_pack/c.py": "changed = 1"})
    with pytest.raises(ImportError, match=r"c\.py has changed since the service was started: restart it"):
        sys.modules["late_a"].one()
    write({"late_pack/c.py": ""})
    assert sys.modules["late_a"].one() == 1
    write({"late_b.py": "x = 22"})
    assert sys.modules["late_a"].one() == 1  # it is loaded already


def test_a_module_without_a_file_has_no_sources():
    assert sources("sys").hashes == {}


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(ConfigError, match="package 'no-such' is not installed: name packages as pip does"):
        version("no-such")

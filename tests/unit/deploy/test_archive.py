import os
import tarfile

import pytest

from nlpbatch.deploy.archive import content_hash, pack_files, python_of, this_python
from nlpbatch.deploy.start import fits
from nlpbatch.errors import ConfigError


def test_the_same_files_give_the_same_bytes_whenever_they_are_packed(tmp_path):
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "b").write_text("b")
    (tmp_path / "tree" / "a").write_text("a")
    found = []
    for name, time_s in (("first", 1_000), ("second", 2_000_000_000)):
        os.utime(tmp_path / "tree" / "a", (time_s, time_s))
        pack_files(tmp_path / name, {"configuration": tmp_path / "tree", "one": tmp_path / "tree" / "a"})
        found.append(content_hash(tmp_path / name))
    assert found[0] == found[1]
    with tarfile.open(tmp_path / "first") as tar:
        assert tar.getnames() == ["configuration/a", "configuration/below/b", "one"]


def test_what_is_no_archive_of_packages_is_refused(tmp_path):
    other = tmp_path / "other"
    pack_files(other, {"a": __file__ and tmp_path})
    for file, says in (
        (other, "is no archive of nlpbatch"),
        (tmp_path / "gone", "can't be read"),
        (tmp_path, "can't be"),
    ):
        with pytest.raises(ConfigError, match=says):
            python_of(file)
    with pytest.raises(ConfigError, match="can't be packed"):
        pack_files(tmp_path / "new", {"a": tmp_path / "gone"})
    assert not list(tmp_path.glob("new*"))


@pytest.mark.parametrize(
    ("version", "machine", "can"),
    [
        ([3, 11, 7], "x86_64", True),
        ([3, 11, 9], "x86_64", True),
        ([3, 11, 2], "x86_64", False),
        ([3, 12, 7], "x86_64", False),
        ([3, 11, 7], "aarch64", False),
    ],
)
def test_a_python_fits_what_an_older_patch_of_its_version_packed(version, machine, can):
    packed = {"version": [3, 11, 7], "machine": "x86_64", "system": "linux"}
    assert fits({"version": version, "machine": machine, "system": "linux"}, packed) is can
    assert fits(this_python(), this_python())

"""The files that a path names, and the error for a path without files to read."""

import fsspec
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.locations import Location


@pytest.fixture
def folder(tmp_path):
    for name in ("a[1].txt", "a1.txt", "b*.txt", "c?.txt", "d{x,y}.txt", "_e.txt", "sub/f.txt", "sub/deep/g.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    return tmp_path


def names(folder, path):
    return {file.path.removeprefix(f"{folder}/") for file in Location(f"{folder}/{path}").files}


@pytest.mark.parametrize("name", ["a[1].txt", "b*.txt", "c?.txt", "d{x,y}.txt", "_e.txt"])
def test_a_file_that_is_there_is_no_pattern(folder, name):
    assert names(folder, name) == {name}


def test_other_paths_are_patterns(folder):
    assert names(folder, "a[0-9].txt") == {"a1.txt"}
    assert names(folder, "{a1,b[*]}.txt") == {"a1.txt", "b*.txt"}


def test_directories_in_directories_are_read(folder):
    assert names(folder, "sub") == {"sub/f.txt", "sub/deep/g.txt"}


@pytest.mark.parametrize("path", ["", "*", "_*"])
def test_files_that_are_passed_over_are_named(tmp_path, path):
    (tmp_path / "_a.txt").write_text("a")
    with pytest.raises(
        ConfigError, match=r"holds no files that are read: 1 hidden, .*_a\.txt: give a file by its name"
    ):
        Location(f"{tmp_path}/{path}")


def test_empty_files_are_named(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ConfigError, match=r"1 empty, such as .*a\.txt"):
        Location(str(tmp_path))


class Broken(fsspec.AbstractFileSystem):
    """A store whose library raises a class of its own."""

    class NoCredentials(Exception):
        pass

    def info(self, path, **_):
        return {"name": path, "size": 8, "type": "file"}

    def find(self, path, **_):
        if "list" in path:
            raise self.NoCredentials("Unable to locate credentials")
        return {path: self.info(path)}

    def _open(self, path, **_):
        if "open" in path:
            raise self.NoCredentials
        return self

    def read(self, _):
        raise KeyError("secret")

    def close(self):
        pass


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("list", "'broken://list' can't be read: NoCredentials: Unable to locate credentials: check the address"),
        ("open", "'broken://open' can't be read: NoCredentials: check the address"),
        ("read", "'broken://read' can't be read: KeyError: 'secret': check the address"),
    ],
)
def test_whatever_a_store_raises_is_translated_into_our_errors(path, message):
    fsspec.register_implementation("broken", Broken, clobber=True)

    def read():
        location = Location(f"broken://{path}")
        with location.open(location.files[0]) as opened:
            opened.read(8)

    with pytest.raises(ConfigError) as caught:
        read()
    assert caught.value.message.startswith(message)

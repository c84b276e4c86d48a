"""Recipes of one directory: read, replaced at once, never outside of it, never over what someone else has written."""

import os
import stat

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.folder import MAX_BYTES, Conflict, RecipeFolder

TEXT = '# 리뷰\n[sink]\npath = "out"\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "recipes" / "nightly").mkdir(parents=True)
    (tmp_path / "recipes" / "a.toml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "outside.toml").write_text("secret = 1\n")
    return RecipeFolder(tmp_path / "recipes")


def test_recipes_are_listed_with_those_of_directories_below(folder):
    for name in ("nightly/b.toml", "c.txt", ".hidden.toml"):
        (folder.directory / name).write_text(TEXT, encoding="utf-8")
    (folder.directory / "link.toml").symlink_to(folder.directory / "a.toml")
    assert folder.names() == ["a.toml", "nightly/b.toml"]


def test_what_is_read_can_be_replaced_and_keeps_its_permissions(folder):
    (folder.directory / "a.toml").chmod(0o640)
    written = folder.write("a.toml", TEXT + "# more\r\n", folder.read("a.toml").digest)
    assert written == folder.read("a.toml")
    assert (folder.directory / "a.toml").read_bytes() == (TEXT + "# more\r\n").encode()
    assert stat.S_IMODE((folder.directory / "a.toml").stat().st_mode) == 0o640
    assert sorted(one.name for one in folder.directory.iterdir()) == ["a.toml", "nightly"]  # no part is left


def test_a_new_one_is_made_as_any_file(folder):
    folder.write("nightly/new one.toml", TEXT, None)
    mask = os.umask(0)
    os.umask(mask)
    file = folder.directory / "nightly" / "new one.toml"
    assert (file.read_text(encoding="utf-8"), stat.S_IMODE(file.stat().st_mode)) == (TEXT, 0o666 & ~mask)


def test_a_file_that_someone_else_has_changed_is_not_replaced(folder):
    digest = folder.read("a.toml").digest
    (folder.directory / "a.toml").write_text(TEXT + "[sample]\n", encoding="utf-8")
    found = folder.write("a.toml", TEXT + "[join]\n", digest)
    assert isinstance(found, Conflict)
    assert "a.toml was changed by someone else meanwhile" in found.message
    assert found.current == folder.read("a.toml")
    assert {"-[sample]", "+[join]"} <= set(found.difference.splitlines())
    assert folder.write("a.toml", "mine\n", found.current.digest) == folder.read("a.toml")


def test_a_new_one_does_not_replace_one_that_was_made_meanwhile(folder):
    found = folder.write("a.toml", "mine\n", None)
    assert isinstance(found, Conflict)
    assert folder.read("a.toml").text == TEXT


def test_a_file_that_was_deleted_meanwhile_is_said_to_be_gone(folder):
    digest = folder.read("a.toml").digest
    (folder.directory / "a.toml").unlink()
    found = folder.write("a.toml", "mine\n", digest)
    assert isinstance(found, Conflict)
    assert (found.current, "was deleted meanwhile" in found.message) == (None, True)
    assert not (folder.directory / "a.toml").exists()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../outside.toml",
            "nightly/../../outside.toml",
            "/etc/passwd",
            "a.txt",
            "",
            ".toml",
            ".hidden.toml",
            "a\0.toml",
        ),
        *(
            "a\\..\\b.toml",
            "nightly//a.toml",
            "./a.toml",
            "<img src=x>.toml",
            "nightly/",
            "/".join("abcdefg") + ".toml",
        ),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(folder, name):
    for call in (folder.read, folder.path, lambda name: folder.write(name, "mine", None)):
        with pytest.raises(ConfigError, match="is no name of a recipe"):
            call(name)


@pytest.mark.parametrize("name", ["link.toml", "elsewhere/outside.toml"])
def test_symbolic_links_are_not_followed(folder, name):
    (folder.directory / "link.toml").symlink_to(folder.directory.parent / "outside.toml")
    (folder.directory / "elsewhere").symlink_to(folder.directory.parent)
    for call in (folder.read, lambda name: folder.write(name, "mine", None)):
        with pytest.raises(ConfigError, match="symbolic link"):
            call(name)
    assert (folder.directory.parent / "outside.toml").read_text() == "secret = 1\n"


def test_what_cannot_be_read_or_written_is_said(folder, tmp_path):
    (folder.directory / "bytes.toml").write_bytes(b"\xff")
    (folder.directory / "large.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    os.mkfifo(folder.directory / "pipe.toml")
    (folder.directory / "directory.toml").mkdir()
    for name, says in (
        ("gone.toml", "there is no such recipe"),
        ("nowhere/a.toml", "there is no directory 'nowhere'"),
        ("bytes.toml", "not TOML: 'utf-8' codec"),
        ("large.toml", "it is no recipe"),
        ("directory.toml", "can't be read"),
        ("pipe.toml", "can't be read"),
    ):
        with pytest.raises(ConfigError, match=says):
            folder.read(name)
    with pytest.raises(ConfigError, match="262,144 are the most"):
        folder.write("a.toml", "#" * (MAX_BYTES + 1), None)
    with pytest.raises(ConfigError, match="is no directory: name one"):
        RecipeFolder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["a" * 300 + ".toml", "한" * 100 + ".toml"])
def test_a_name_that_no_file_can_have_is_refused(folder, name):
    with pytest.raises(ConfigError, match="choose another name"):
        folder.read(name)


def test_a_name_as_long_as_a_file_can_have_is_written(folder):
    for name in ("a" * 250 + ".toml", "한" * 83 + ".toml"):
        folder.write(name, TEXT, None)
        assert folder.read(name).text == TEXT

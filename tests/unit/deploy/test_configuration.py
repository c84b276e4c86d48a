import tarfile

import pytest

from nlpbatch.deploy.archive import pack_files
from nlpbatch.deploy.configuration import configuration_files, extras_for
from nlpbatch.errors import ConfigError


@pytest.fixture
def written(tmp_path):
    def write(text, *names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        file = tmp_path / "here.toml"
        file.write_text(text)
        return file

    return write


def test_dictionaries_and_modules_beside_it_are_taken_along(written, tmp_path):
    server = written(
        '[analyzers.default]\ndictionaries = ["words/more.tsv"]\n[analyzers.mood]\nengine = "python:mood.sub:load"\n'
        '[analyzers.installed]\nengine = "python:json:loads"\n',
        *("words/more.tsv", "mood/__init__.py", "mood/sub.py", "left.out", "added/a", "added/b"),
    )
    found = configuration_files(server, [tmp_path / "added"], tmp_path / "left.out")
    assert found == {
        "server.toml": server,
        "proxy.toml": tmp_path / "left.out",
        "words/more.tsv": tmp_path / "words" / "more.tsv",
        "mood": tmp_path / "mood",
        "added": tmp_path / "added",
    }


@pytest.mark.parametrize(
    ("text", "extra", "says"),
    [
        (
            '[analyzers.default]\ndictionaries = ["gone.tsv"]',
            "",
            r"analyzers.default.dictionaries: there is no .*gone.tsv",
        ),
        ('[analyzers.default]\ndictionaries = ["/etc/passwd"]', "", "is outside of .*move it there"),
        ("", "/etc/passwd", "--file: .*/etc/passwd is outside of"),
        ("", "nowhere/at/all", "--file: there is no .*/nowhere/at/all"),
        ('[registration]\nname = "a"', "", "registration.name is set: each container"),
        ("[listen]\nport = -1", "", "listen.port"),
    ],
)
def test_what_containers_would_not_have_is_refused(written, tmp_path, text, extra, says):
    with pytest.raises(ConfigError, match=says):
        configuration_files(written(text), [tmp_path / extra] if extra else [])


def test_a_link_is_taken_along_under_its_own_name(written, tmp_path):
    server = written('[analyzers.default]\ndictionaries = ["now.tsv"]', "elsewhere/v3.tsv")
    (tmp_path / "elsewhere" / "v3.tsv").write_text("v3")
    (tmp_path / "now.tsv").symlink_to(tmp_path / "elsewhere" / "v3.tsv")
    pack_files(tmp_path / "packed", configuration_files(server))
    with tarfile.open(tmp_path / "packed") as tar:
        assert tar.extractfile("now.tsv").read() == b"v3"


def test_mecab_is_packed_where_an_analyzer_uses_it(written):
    assert extras_for(written("")) == "server"
    assert extras_for(written('[analyzers.fast]\nengine = "mecab"')) == "server,mecab"

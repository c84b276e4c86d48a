from dataclasses import replace

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.identity import RunFile, RunIdentity

IDENTITY = RunIdentity(
    input="file:/in",
    format="parquet",
    reader={},
    text=("review",),
    asked={"analyzer": "default"},
    schema="struct<review:string>",
    fingerprint="f" * 32,
)


class Files:
    """Stands for an output: its files, by name."""

    url = "file:/out"

    def __init__(self, **files):
        self.files = files

    def within(self, name):
        return f"{self.url}/{name}"

    def read_text(self, name):
        return self.files[name]

    def write_text(self, name, text):
        self.files[name] = text


def test_a_run_file_is_read_as_it_was_written():
    files, written = Files(), RunFile("out-1", IDENTITY, "1.0", "2026-11-24T00:00:00.000+00:00")
    written.write(files)
    assert RunFile.read(files) == written


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"run": "x", "identity": {"text": []}}'])
def test_a_run_file_of_somebody_else_is_refused(text):
    with pytest.raises(ConfigError, match=r"file:/out/_nlpbatch/run\.json can't be read"):
        RunFile.read(Files(**{"_nlpbatch/run.json": text}))


def test_everything_that_differs_is_named_but_for_the_version_which_is_pinned():
    run_file = RunFile("out-1", IDENTITY, "1.0", "")
    run_file.check(replace(IDENTITY, fingerprint="e" * 32), Files())
    other = replace(IDENTITY, text=("title", "review"), format="orc")
    with pytest.raises(ConfigError) as caught:
        run_file.check(other, Files())
    assert 'format was parquet, is orc; text was ["review"], is ["title", "review"]' in caught.value.message


def test_the_same_in_another_version_is_not_the_same():
    assert IDENTITY.is_same(replace(IDENTITY))
    assert not IDENTITY.is_same(replace(IDENTITY, fingerprint="e" * 32))

import pytest

from nlpbatch.cli import demo
from nlpbatch.cli import main as nlpbatch
from nlpbatch.errors import ConfigError


@pytest.fixture(autouse=True)
def _signals_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(demo, "stop_on_signals", lambda: None)


def make(directory, *names):
    directory.mkdir()
    for name in names:
        (directory / name).mkdir()
    return directory


def test_a_new_output_may_be_written(tmp_path):
    demo._check_output(tmp_path / "new")


@pytest.mark.parametrize("names", [(), ("_nlpbatch", "part-0.parquet", "_SUCCESS"), ("_temporary",)])
def test_the_output_of_a_job_may_be_replaced_finished_or_not(tmp_path, names):
    demo._check_output(make(tmp_path / "out", *names))


@pytest.mark.parametrize("names", [("reviews.parquet",), ("_temporary", "notes"), ("_SUCCESS", "part-0.parquet")])
def test_a_directory_with_anything_else_is_never_replaced(tmp_path, names):
    output = make(tmp_path / "out", *names)
    with pytest.raises(ConfigError, match="is not the output of a job: choose another path with --output"):
        demo._check_output(output)


def test_a_file_in_the_place_of_the_output_is_never_replaced(tmp_path, capsys):
    output = tmp_path / "notes.txt"
    output.write_text("mine")
    assert nlpbatch(["demo", "--output", str(output)]) == 2
    assert "is not the output of a job" in capsys.readouterr().err
    assert output.read_text() == "mine"


def test_a_source_that_cannot_be_read_ends_the_demo_before_anything_is_started(tmp_path, capsys):
    assert nlpbatch(["demo", str(tmp_path / "nowhere.csv"), "--output", str(tmp_path / "out")]) == 2
    assert "nowhere.csv doesn't exist" in capsys.readouterr().err


def test_a_sample_shows_long_texts_shortened_and_on_one_line():
    assert demo._shorten("짧은\n 글".encode()) == "짧은 글"
    assert demo._shorten(("가" * 50).encode()) == "가" * 40 + "…"
    assert demo._shorten(None) == "(null)"
    assert demo._shorten(b"\xed\xa0\x80").count("�") > 0


def test_a_sample_shows_tokens_as_form_and_tag():
    assert demo._tokens([{"form": "[/b]", "tag": "SW"}, {"form": "글", "tag": "NNG"}]) == "[/b]/SW 글/NNG"
    assert demo._tokens([]) == ""
    assert demo._tokens(None) == "(null)"


def test_a_text_that_looks_like_markup_is_shown_as_it_is(tmp_path, capsys):
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = [{"[b]글": "[/b] :smile: [red]빨강", "tokens": [{"form": "[/b]", "tag": "SW"}], "error": None}]
    (tmp_path / "out").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "out" / "part-0.parquet")
    demo._show(tmp_path / "out", "[b]글")
    shown = capsys.readouterr().out
    assert "[/b] :smile: [red]빨강" in shown
    assert "[b]글" in shown
    assert str(tmp_path / "out") in shown

import pytest

from nlpbatch.serving.secrets import read_secret


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("short", "has 5 characters, at least 16 are needed"),
        ("비밀비밀비밀비밀비밀비밀비밀비밀", "no header carries"),
        ("first line of it\nsecond line of it", "no header carries"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_without_showing_it(tmp_path, text, says):
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_secret(str(file), "registration.secret_file", "NOT_SET")
    assert text not in str(caught.value)


def test_a_file_goes_before_the_environment_and_blanks_around_it_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "that of the environment")
    assert read_secret(None, "key", "A_SECRET") == "that of the environment"
    (tmp_path / "secret").write_text("  that of the file\n")
    assert read_secret(str(tmp_path / "secret"), "key", "A_SECRET") == "that of the file"
    monkeypatch.setenv("A_SECRET", " ")
    assert read_secret(None, "key", "A_SECRET") is None

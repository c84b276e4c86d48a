import pytest

from jobs.replay import parse
from nlpbatch.errors import ConfigError


def test_the_service_and_the_key_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("NLPBATCH_SERVICE", "http://proxy:8700")
    monkeypatch.setenv("NLPBATCH_API_KEY", "nlpb_key")
    options, file = parse(["--output", "out"])
    assert file is None
    assert (options.output, options.service, options.api_key) == ("out", "http://proxy:8700", "nlpb_key")
    assert not options.accept_new_version
    assert "nlpb_key" not in repr(options)


def test_without_a_service_there_is_nothing_to_ask(monkeypatch):
    monkeypatch.delenv("NLPBATCH_SERVICE", raising=False)
    with pytest.raises(ConfigError, match="service is missing: give --service, or set NLPBATCH_SERVICE"):
        parse(["--output", "out"])


def test_an_output_must_be_named(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["--service", "http://proxy:8700"])
    assert caught.value.code == 2
    assert "--output" in capsys.readouterr().err

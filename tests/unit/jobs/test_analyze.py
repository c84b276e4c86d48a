from dataclasses import replace
from unittest.mock import Mock

import pytest
from py4j.protocol import Py4JNetworkError

from jobs import analyze
from nlpbatch.errors import ConfigError, InternalError, InvalidRequest, PatienceExhausted, Unauthenticated
from nlpbatch.spark import script
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.report import Report

REQUIRED = ["--input", "in", "--text", "review", "--output", "out"]
REPORT = Report.of(
    [],
    input="in",
    output="file:/out",
    service="http://proxy",
    analyzer="default",
    fingerprint="f" * 32,
    run="out-1",
    complete=True,
    stopped=None,
    attempts=1,
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("NLPBATCH_SERVICE", "NLPBATCH_API_KEY", "PYSPARK_PYTHON"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards, whoever sets it meanwhile
        monkeypatch.delenv(name)


class FakeSession:
    def __init__(self):
        self.sparkContext = self
        self._jvm = Mock()
        self.stopped = False

    def setLogLevel(self, _):  # noqa: N802  (Spark's name)
        pass

    def stop(self):
        self.stopped = True


@pytest.fixture
def job(monkeypatch):
    """Return a function that runs main() with a job that ends as given, and returns the exit code."""

    def call(outcome, argv=(*REQUIRED, "--service", "http://proxy")):
        session = FakeSession()

        def run(_, options):
            assert isinstance(options, JobOptions)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr("sys.argv", ["analyze.py", *argv])
        monkeypatch.setattr(script, "session", lambda *_, **__: session)
        monkeypatch.setattr(analyze, "run", run)
        code = analyze.main()
        assert session.stopped
        return code

    return call


def test_every_option_of_the_library_can_be_given():
    options = analyze.parse(
        [
            *REQUIRED,
            *("--service", "http://proxy", "--analyzer", "news", "--fields", "tag,form"),
            *("--overwrite", "--request-bytes", "2048", "--in-flight", "9", "--patience-s", "1.5"),
        ]
    )
    assert options == JobOptions(
        input="in",
        text=("review",),
        output="out",
        service="http://proxy",
        analyzer="news",
        fields=("tag", "form"),
        overwrite=True,
        request_bytes=2048,
        in_flight=9,
        patience_s=1.5,
    )


def test_an_own_operation_is_named_as_an_option():
    given = [*REQUIRED, "--service", "http://proxy", "--operation", "call", "--analyzer", "own"]
    asked = analyze.parse([*given, "--option", "operation=size"]).asked()
    assert (asked.operation, asked.analyzer, asked.called) == ("call", "own", "size")
    assert analyze.parse(given).asked().called == ""


def test_address_and_key_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("NLPBATCH_SERVICE", "http://from-environment")
    monkeypatch.setenv("NLPBATCH_API_KEY", "key-from-environment")
    options = analyze.parse(REQUIRED)
    assert (options.service, options.api_key) == ("http://from-environment", "key-from-environment")


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("NLPBATCH_API_KEY", "")
    assert analyze.parse([*REQUIRED, "--service", "http://proxy"]).api_key is None


def test_no_argument_takes_a_key_because_spark_keeps_arguments_in_its_event_log(capsys):
    with pytest.raises(SystemExit):
        analyze.parse(["--help"])
    said = capsys.readouterr().out
    assert "--api-key" not in said
    assert "NLPBATCH_API_KEY" in said


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("NLPBATCH_SERVICE", "http://from-environment")
    monkeypatch.setenv("NLPBATCH_API_KEY", "key-from-environment")
    file = tmp_path / "job.toml"
    file.write_text('service = "http://from-file"\napi_key = "key-from-file"\nanalyzer = "from-file"\n')
    options = analyze.parse([*REQUIRED, "--config", str(file), "--service", "http://given"])
    assert options.service == "http://given"
    assert options.api_key == "key-from-environment"
    assert options.analyzer == "from-file"


@pytest.mark.parametrize("argv", [["--inputs", "x"], ["--in-flight", "many"], ["stray"]])
def test_wrong_usage_ends_in_2_with_the_usage(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        analyze.parse([*REQUIRED, *argv])
    assert ended.value.code == 2
    assert "usage: analyze.py" in capsys.readouterr().err


def test_a_finished_job_ends_in_0_with_its_summary(job, capsys):
    assert job(REPORT) == 0
    assert capsys.readouterr().err == f"analyze: done\n{REPORT.to_text()}\n"


def test_a_job_that_set_files_aside_ends_in_3_and_says_so(job, capsys):
    report = replace(REPORT, set_aside={"file:/a": "x", "file:/b": "y"}, unread={"file:/a": "x"}, files=7)
    assert job(report) == 3
    assert "analyze: 1 of 7 files were set aside, see above: correct them" in capsys.readouterr().err


def test_files_that_were_set_aside_once_and_are_gone_are_no_reason_for_3(job):
    assert job(replace(REPORT, set_aside={"file:/a": "x"})) == 0


def test_options_that_cannot_be_used_end_in_2(job, capsys):
    assert job(ConfigError("output exists: choose another path")) == 2
    assert capsys.readouterr().err == "analyze: output exists: choose another path\n"


@pytest.mark.parametrize("error", [InvalidRequest("column 'a' is double"), Unauthenticated("no such key")])
def test_what_was_asked_for_and_cannot_be_had_ends_in_2_with_the_code(job, capsys, error):
    assert job(error) == 2
    assert capsys.readouterr().err == f"analyze: {error.code}: {error.message}\n"


def test_ctrl_c_ends_in_130_with_one_line_even_if_cleaning_up_fails(job, capsys):
    assert job(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "analyze: interrupted\n"
    failing = Py4JNetworkError("the JVM is gone")
    failing.__context__ = KeyboardInterrupt()
    assert job(failing) == 130
    assert capsys.readouterr().err == "analyze: interrupted\n"


def test_a_jvm_that_has_ended_is_one_line(job, capsys):
    assert job(Py4JNetworkError("Answer from Java side is empty")) == 1
    assert capsys.readouterr().err == (
        "analyze: failed: internal: Spark failed: its JVM has ended: see what it wrote last\n"
    )


@pytest.mark.parametrize("error", [PatienceExhausted("gave up on http://proxy"), InternalError("Spark failed: x")])
def test_a_job_that_failed_ends_in_1_with_the_code(job, capsys, error):
    assert job(error) == 1
    assert capsys.readouterr().err == f"analyze: failed: {error.code}: {error.message}\n"


def test_missing_options_end_in_2_before_spark_starts(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["analyze.py", "--input", "in"])
    monkeypatch.setattr(script, "session", lambda *_, **__: pytest.fail("Spark takes seconds to start"))
    assert analyze.main() == 2
    said = capsys.readouterr().err
    assert all(f"{name} is missing" in said for name in ("text", "output", "service"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("blocklist=가,나/NNG", ["가", "나/NNG"]),
        ('blocklist=["가,나"]', ["가,나"]),
        ("stopwords=true", True),
        ("typo_cost_threshold=2.5", 2.5),
    ],
)
def test_an_option_s_value_is_read_as_in_a_query(monkeypatch, text, value):
    monkeypatch.setenv("NLPBATCH_SERVICE", "http://proxy")
    name, _, _ = text.partition("=")
    assert analyze.parse([*REQUIRED, "--option", text]).options == {name: value}


def test_alerts_of_the_file_are_no_options_of_the_job(tmp_path):
    file = tmp_path / "job.toml"
    file.write_text('output = "out"\n[alerts]\nwebhook = "https://hooks"\n')
    options = analyze.parse(["--config", str(file), *REQUIRED, "--service", "http://proxy"])
    assert options == analyze.parse([*REQUIRED, "--service", "http://proxy"])


def test_alerts_that_cannot_be_used_are_refused_before_spark_is_started(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(script, "session", lambda *_, **__: pytest.fail("it was started"))
    file = tmp_path / "job.toml"
    file.write_text('[alerts]\nwebhook = "hooks"\n')
    monkeypatch.setattr("sys.argv", ["analyze.py", "--config", str(file), *REQUIRED, "--service", "http://proxy"])
    assert analyze.main() == 2
    assert "[alerts] webhook is no address of https or http" in capsys.readouterr().err

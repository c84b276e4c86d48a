import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from nlpbatch.cli import build_parser
from nlpbatch.cli.local_spark import class_archive, environment, spark_submit, submit


@pytest.mark.parametrize(
    ("variables", "given"),
    [
        ({}, "C.UTF-8"),
        ({"LANG": "C"}, "C.UTF-8"),
        ({"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, "C.UTF-8"),
        ({"LANG": "ko_KR.UTF-8"}, None),
        ({"LC_CTYPE": "C.utf8", "LANG": "C"}, None),
        ({"LC_ALL": "", "LANG": "en_US.UTF-8"}, ""),
    ],
)
def test_spark_gets_a_locale_that_has_hangul(monkeypatch, variables, given):
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment(None).get("LC_ALL") == given


def test_settings_of_spark_precede_the_script():
    command = spark_submit("2", Path("job.py"), "--on", "all", conf=["spark.a=1", "spark.b=x=y"])
    script = command.index("job.py")
    assert command[script - 4 : script] == ["--conf", "spark.a=1", "--conf", "spark.b=x=y"]
    assert command[script + 1 :] == ["--on", "all"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "the cache"))


def java_options(command):
    return shlex.split(command[command.index("--driver-java-options") + 1])


@pytest.mark.usefixtures("cache")
def test_an_archive_of_classes_is_used_where_there_is_one():
    archive = class_archive()
    option = f"-XX:SharedArchiveFile={archive}"
    assert option not in java_options(spark_submit("2", Path("job.py")))
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert option in java_options(spark_submit("2", Path("job.py")))
    assert "-Xshare:off" in java_options(spark_submit("2", Path("job.py"), classes=["-Xshare:off"]))
    assert option not in java_options(spark_submit("2", Path("job.py"), classes=[]))


@pytest.mark.usefixtures("cache")
def test_each_java_has_an_archive_of_its_own(tmp_path, monkeypatch):
    names = {class_archive()}
    for name in ("a", "b"):
        java = tmp_path / name / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.touch(mode=0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / name))
        names.add(class_archive())
    assert len(names) == 3


def test_without_java_there_is_no_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert class_archive() is None
    assert not any("SharedArchiveFile" in option for option in java_options(spark_submit("2", Path("job.py"))))


def test_a_setting_without_a_value_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["run", "recipe.toml", "--conf", "spark.a"])
    assert caught.value.code == 2
    assert "'spark.a' is no setting: write it as KEY=VALUE" in capsys.readouterr().err
    assert build_parser().parse_args(["run", "r.toml", "--conf", "a=1", "--conf", "b=2"]).conf == ["a=1", "b=2"]


@pytest.mark.parametrize(("does", "code"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_the_exit_code_of_spark_submit_is_returned_as_a_shell_does(does, code):
    assert submit([sys.executable, "-c", f"import os, sys; {does}"], os.environ) == code


@pytest.fixture
def signals_of_a_new_process():
    """What earlier tests in this process have made of signals is none of a command's business."""
    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_of_a_new_process")
def test_spark_submit_is_ended_with_the_command_and_waited_for(tmp_path):
    waits = f"import pathlib, time; pathlib.Path({str(tmp_path / 'up')!r}).touch(); time.sleep(60)"

    def interrupt():
        while not (tmp_path / "up").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        submit([sys.executable, "-c", waits], os.environ)
    thread.join()
    assert time.monotonic() - began_s < 30

import sys

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.jvm_locale import check_arguments, check_file_names, refuse_damaged


class Jvm:
    """A JVM whose locale has a charset."""

    def __init__(self, charset):
        self.java = self.lang = self.System = self
        self._charset = charset

    def getProperty(self, name):  # noqa: N802  (Java's name)
        assert name == "sun.jnu.encoding"
        return self._charset


def test_hangul_that_became_question_marks_is_refused_with_the_remedy():
    with pytest.raises(
        ConfigError, match=r"argument 4 \(after --where\) arrived as .*set LC_ALL=C.UTF-8, or .* --config"
    ):
        refuse_damaged(["--output", "out", "--where", "kind = '???'"], "ANSI_X3.4-1968")


@pytest.mark.parametrize("charset", ["UTF-8", "ANSI_X3.4-1968"])
def test_a_replacement_character_is_refused_in_any_locale(charset):
    with pytest.raises(ConfigError, match="argument 1 arrived as"):
        refuse_damaged(["\ufffd\ufffd\ufffd"], charset)


@pytest.mark.parametrize(("argument", "charset"), [("in/part-?.parquet", "ANSI_X3.4-1968"), ("part-????", "UTF-8")])
def test_question_marks_that_somebody_typed_pass(argument, charset):
    refuse_damaged([argument], charset)


def test_without_spark_submit_nothing_was_damaged(monkeypatch):
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setattr(sys, "argv", ["analyze.py", "part-????"])
    check_arguments()


def test_a_local_path_that_the_jvm_cannot_name_is_refused():
    with pytest.raises(ConfigError, match=r"path '/날' can't be used: the JVM's locale \(ANSI_X3.4-1968\) lacks"):
        check_file_names(Jvm("ANSI_X3.4-1968"), "file:/날", "file")
    check_file_names(Jvm("UTF-8"), "file:/날", "file")
    check_file_names(Jvm("ANSI_X3.4-1968"), "hdfs://namenode/날", "hdfs")
    check_file_names(Jvm("ANSI_X3.4-1968"), "file:/plain", "file")


def test_local_files_that_the_jvm_would_pass_over_are_refused(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "가.parquet").touch()
    for path in (f"file:{tmp_path}", f"file:{tmp_path}/plain/*.parquet", f"file:{tmp_path}/pl?in"):
        with pytest.raises(ConfigError, match=r"/plain/가\.parquet' can't be used: the JVM's locale"):
            check_file_names(Jvm("ANSI_X3.4-1968"), path, "file")
        check_file_names(Jvm("UTF-8"), path, "file")

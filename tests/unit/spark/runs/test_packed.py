"""Files that tasks have encoded get the names of Spark's writer."""

import pytest

from nlpbatch.spark.runs.packed import name_files
from tests.fakes.local_storage import LocalStorage


@pytest.mark.parametrize(("codec", "ending"), [("snappy", "snappy.parquet"), ("none", "parquet")])
def test_files_of_both_outcomes_are_renamed_and_nothing_else(tmp_path, codec, ending):
    output = LocalStorage(None, str(tmp_path))
    for name in ("ok/part-0.c000.txt", "ok/part-1.c000.txt", "ok/_note", "dead/part-0.c000.txt"):
        output.write_text(f"staged/_nlpbatch_outcome={name}", name)
    output.write_text("staged/_SUCCESS", "")
    name_files(output, "staged", codec)
    assert output.names("staged/_nlpbatch_outcome=ok") == ["_note", f"part-0.c000.{ending}", f"part-1.c000.{ending}"]
    assert output.names("staged/_nlpbatch_outcome=dead") == [f"part-0.c000.{ending}"]
    assert output.read_text(f"staged/_nlpbatch_outcome=ok/part-1.c000.{ending}") == "ok/part-1.c000.txt"


def test_an_outcome_without_rows_has_no_files(tmp_path):
    output = LocalStorage(None, str(tmp_path))
    name_files(output, "staged", "snappy")
    assert output.names() == []

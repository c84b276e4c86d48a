from nlpbatch.files.large import LargeHint, job_command
from nlpbatch.wire.limits import GIB

COMMAND = job_command(["my file.parquet"], ["review"], "http://proxy")


def test_the_command_can_be_pasted():
    assert COMMAND == (
        "spark-submit jobs/analyze.py --input 'my file.parquet' --text review --output OUTPUT_DIRECTORY "
        "--service http://proxy"
    )


def test_large_files_are_said_to_be_so_once():
    hint = LargeHint(COMMAND, 3 * GIB)
    said = hint.at_start()
    assert said is not None
    assert said.startswith("the input has 3.0 GiB; ")
    assert said.endswith(COMMAND)
    assert hint.after(3600, 0.01) is None


def test_a_long_rest_is_said_once_the_rate_is_known():
    hint = LargeHint(COMMAND, GIB)
    assert hint.at_start() is None
    assert hint.after(19, 0.001) is None
    assert hint.after(60, 0.5) is None
    assert hint.after(60, 0.0) is None
    assert (hint.after(60, 0.02) or "").startswith("this will take another 49 minutes; ")
    assert hint.after(61, 0.02) is None

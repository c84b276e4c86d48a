import pyarrow as pa
import pytest

from nlpbatch.spark.runs.inspection import Inspection

TEXT = "재미있어요 똠방각하"


def batches(files, rows=3):
    """Return lines of files as Spark hands them to a task: file after file, cut anywhere."""
    lines = [(path, line) for path, data in files.items() for line in data.split(b"\n")]
    for start in range(0, len(lines), rows):
        paths, values = zip(*lines[start : start + rows], strict=True)
        yield pa.RecordBatch.from_arrays([pa.array(paths), pa.array(values, pa.binary())], ["path", "value"])


def faults(files, encoding="utf-8", separators=None, max_record_lines=100):
    found = Inspection(encoding, separators or {}, max_record_lines)(batches(files))
    return {row["path"]: row["reason"] for batch in found for row in batch.to_pylist()}


def test_files_that_can_be_taken_are_not_named():
    rows = "".join(f'{number},"{TEXT}\n둘째 줄"\n' for number in range(9))
    files = {"file:/a": rows.encode("utf-8-sig"), "file:/b": b"", "file:/c": f"x;{TEXT}".encode()}
    assert faults(files, separators={"file:/a": ",", "file:/b": ",", "file:/c": ";"}) == {}


def test_a_quote_that_is_not_closed_is_found_in_its_file_and_no_other():
    files = {
        name: f"id,text\n1,{TEXT}\n2,{quote}{TEXT}\n3,{TEXT}\n".encode() for name, quote in (("a", ""), ("b", '"'))
    }
    files = {f"file:/{name}.csv": data for name, data in files.items()} | {"file:/c.csv": files["a"]}
    found = faults(files, separators=dict.fromkeys(files, ","))
    assert found == {"file:/b.csv": "a quote in the record of line 3 is never closed"}


def test_paths_come_as_addresses_and_go_as_names():
    assert list(faults({"file:///in/h%20i%2541.csv": b"\xff\xff"})) == ["file:/in/h i%41.csv"]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "it is not UTF-8 on line 6: the bytes there fit CP949; give --encoding cp949 if all do, or"),
        ("johab", "it is not JOHAB on line 6: the bytes there fit CP949; give --encoding cp949 if all do, or"),
    ],
)
def test_bytes_of_another_encoding_are_named_with_their_line(encoding, said):
    data = b"id,text\n" + b"1,x\n" * 4 + f"2,{TEXT}\n".encode("cp949")
    (found,) = faults({"file:/a.csv": data}, encoding, {"file:/a.csv": ","}).values()
    assert found.startswith(said)


def test_lines_that_are_not_csv_have_no_numbers_for_a_task_may_have_a_part_of_the_file():
    (said,) = faults({"file:/a.jsonl": TEXT.encode("cp949")}).values()
    assert said.startswith("it is not UTF-8: its bytes fit CP949")


def test_bytes_that_fit_no_encoding_are_named_as_such():
    (said,) = faults({"file:/a.csv": b"id\n\xff\xff\xff"}, separators={"file:/a.csv": ","}).values()
    assert said == (
        "it is not UTF-8 on line 2, nor of any encoding known here: it may be damaged, or of another format"
    )

import pytest

from nlpbatch.spark.runs.beginnings import Beginning
from nlpbatch.spark.runs.csv_headers import CsvHeader, CsvOptions, columns_of, read_headers

PLAIN = CsvOptions(None, True, "", "utf-8")


class Files:
    """Beginnings of files in memory."""

    def __init__(self, **files):
        self.files = {f"/in/{name.replace('_', '.')}": data for name, data in files.items()}
        self.read_bytes = []

    def read(self, files, size_bytes=32):
        self.read_bytes.append(size_bytes)
        data = {file: self.files[file] for file in files}
        return {
            file: one if isinstance(one, Beginning) else Beginning(one[:size_bytes], len(one) <= size_bytes)
            for file, one in data.items()
        }


def test_each_file_has_its_own_separator_and_names():
    files = Files(a_csv=b"id,text\n", b_csv="번호;text;\n".encode(), c_tsv=b"a,b\tc\n", d_csv=b"")
    headers, faults = read_headers(files, files.files, PLAIN)
    assert headers == {
        "/in/a.csv": CsvHeader(",", ("id", "text")),
        "/in/b.csv": CsvHeader(";", ("번호", "text", "_c2")),
        "/in/c.tsv": CsvHeader("\t", ("a,b", "c")),
        "/in/d.csv": CsvHeader(",", ()),
    }
    assert faults == {}


def test_more_is_read_of_a_file_whose_header_is_long_and_no_more_than_a_bound():
    files = Files(a_csv=("가" * 30 + ",b\n1,2\n").encode(), b_csv=b'"' + b"x" * 2_000_000)
    headers, faults = read_headers(files, files.files, PLAIN)
    assert headers == {"/in/a.csv": CsvHeader(",", ("가" * 30, "b"))}
    assert faults == {"/in/b.csv": "its first record has more than 1,048,576 bytes: a quote may be open"}
    assert files.read_bytes == [32, 1_048_576, 1_048_576]


def test_files_that_cannot_be_read_have_a_reason_instead():
    files = Files(a_csv=Beginning(fault="it is gone"), b_csv="글,글\n".encode("cp949"), c_csv=b"t,t,t1\n", d_csv=b"x\n")
    headers, faults = read_headers(files, files.files, PLAIN)
    assert list(headers) == ["/in/d.csv"]
    assert faults["/in/a.csv"] == "it is gone"
    assert faults["/in/b.csv"].startswith("it is not UTF-8: its bytes fit CP949")
    assert faults["/in/c.csv"] == "its header names two columns 't1': rename one"


def test_columns_of_all_files_are_named_as_in_the_first_that_has_them():
    headers = [CsvHeader(",", ("id", "Text")), CsvHeader(";", ("text", "more", "ID"))]
    assert columns_of(headers) == ("id", "Text", "more")


@pytest.mark.parametrize(
    ("reader", "found"),
    [
        ({}, PLAIN),
        ({"sep": ";", "Header": "FALSE"}, CsvOptions(";", False, "", "utf-8")),
        ({"delimiter": "\\t", "nullValue": "NA"}, CsvOptions("\t", True, "NA", "utf-8")),
        ({"escape": '"'}, PLAIN),
        ({"escape": "\\"}, None),
        ({"quote": "'"}, None),
        ({"sep": "||"}, None),
        ({"inferSchema": "true"}, None),
    ],
)
def test_options_with_which_only_spark_knows_what_a_record_is_are_left_to_it(reader, found):
    assert CsvOptions.of(reader, "utf-8") == found

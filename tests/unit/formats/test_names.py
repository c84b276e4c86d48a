import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.formats.names import compression_of, format_of, format_of_name, is_hidden, separator_of_name


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/in/a.parquet", "parquet"),
        ("/in/A.PQ", "parquet"),
        ("/in/a.orc", "orc"),
        ("/in/a.JSONL.gz", "json"),
        ("/in/a.ndjson.bz2", "json"),
        ("/in/a.csv.zst", "csv"),
        ("/in/a.tsv", "csv"),
        ("/in/a.txt.deflate", "text"),
        ("/in/000000_0", None),
        ("/in/a.gz", None),
    ],
)
def test_a_format_is_inferred_from_the_name_whatever_its_compression(path, kind):
    assert format_of_name(path) == kind


def test_names_without_a_suffix_are_hives_parquet():
    assert format_of(["000000_0", "part-0"]) == "parquet"


def test_files_of_several_formats_are_counted_in_the_refusal():
    with pytest.raises(ConfigError, match=r"\(1 of csv, 2 of json\).*--format"):
        format_of(["a.csv", "b.json", "c.jsonl.gz"])


@pytest.mark.parametrize("path", ["/in/리뷰.xlsx", "/in/a.feather.gz"])
def test_a_format_that_nothing_reads_is_named_with_a_remedy(path):
    with pytest.raises(ConfigError, match=r"which cannot be read: save it as CSV in UTF-8 or as Parquet"):
        format_of([path])


def test_compression_and_separator_come_from_the_name():
    assert [compression_of(name) for name in ("a.csv.GZ", "a.csv.xz", "a.csv")] == ["gzip", "xz", None]
    assert [separator_of_name(name) for name in ("a.tsv.gz", "a.TSV", "a.csv")] == ["\t", "\t", None]


@pytest.mark.parametrize(
    ("name", "hidden"), [("_a.csv", True), (".a", True), ("_a=1", False), (".a=1", True), ("a_.csv", False)]
)
def test_hidden_names_are_those_of_spark(name, hidden):
    assert is_hidden(name) is hidden

"""Sources and options that can't be sampled."""

import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling import SampleOptions, read_sample, sample, write_sample
from tests.fakes.sampled import rows


def test_files_of_several_formats_and_samples_of_samples_are_refused(data, tmp_path):
    (data / "README.txt").write_text("read me")
    with pytest.raises(ConfigError, match=r"files of several formats \(parquet, text\)"):
        sample(str(data), SampleOptions())
    write_sample(sample(str(data / "0.parquet"), SampleOptions(rows=10)), tmp_path / "s.parquet")
    with pytest.raises(ConfigError, match="is a sample already"):
        sample(str(tmp_path / "s.parquet"), SampleOptions())


def damaged(folder):
    (folder / "1.parquet").write_bytes(b"PAR1 something else PAR1")


def short(folder):
    (folder / "1.parquet").write_bytes(b"PAR1")


@pytest.mark.parametrize(
    ("harm", "options", "message"),
    [
        (damaged, {}, "1.parquet can't be read as Parquet"),
        (short, {}, "too short"),
        (None, {"columns": ("text",)}, "no column 'text': choose from id, review, label"),
        (None, {"stratify": "rating", "columns": ("review",)}, "no column 'rating'"),
        (None, {"stratify": "lable"}, "no column 'lable'"),
    ],
)
def test_a_source_that_cannot_be_sampled_is_named(data, harm, options, message):
    if harm is not None:
        harm(data)
    with pytest.raises(ConfigError, match=message):
        sample(str(data), SampleOptions(**options))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"read_share": 0}, "read_share is 0"),
        ({"read_share": 1.5}, "read_share is 1.5"),
        ({"columns": ()}, "columns names none"),
        ({"read_bytes": 0}, "read_bytes is 0"),
        ({"format": "orc"}, "format is 'orc': choose from parquet, json, csv, text"),
        ({"separator": "||"}, "give one character"),
        ({"encoding": "klingon"}, "encoding 'klingon' is not known: choose from utf-8, cp949"),
    ],
)
def test_options_out_of_range_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        SampleOptions(**given)


def test_nothing_nowhere_no_rows_and_other_formats_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="check the path"):
        sample(str(tmp_path / "nowhere"), SampleOptions())
    pq.write_table(rows(0), tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match="has no rows"):
        sample(str(tmp_path / "none.parquet"), SampleOptions())
    (tmp_path / "data.json").write_bytes(b"{}\n")
    with pytest.raises(ConfigError, match="has no rows"):
        sample(str(tmp_path / "data.json"), SampleOptions())
    (tmp_path / "data.json.xz").write_bytes(b"{}\n")
    with pytest.raises(ConfigError, match="compressed with xz, which can't be read"):
        sample(str(tmp_path / "data.json.xz"), SampleOptions())
    (tmp_path / "data.orc").write_bytes(b"ORC")
    with pytest.raises(ConfigError, match="sample the Parquet of a dump"):
        sample(str(tmp_path / "data.orc"), SampleOptions())


def test_a_file_that_is_no_sample_is_refused(data):
    with pytest.raises(ConfigError, match="make it with `nlpbatch sample`"):
        read_sample(data / "0.parquet")

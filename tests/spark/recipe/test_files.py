"""Recipes of files that people have, and of columns with names that Spark takes for something else."""

import json

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe import Recipe, RecipeRun, RunOptions
from tests.fakes.odd_files import CASES

TAKEN = (
    "names with dots, blanks and backticks",
    "CP949 with its encoding",
    "the index that pandas writes",
    "a spreadsheet's semicolons and byte order mark",
)
REFUSED = ("CP949 without its encoding", "names that differ in case only")


@pytest.fixture
def go(spark, stack, tmp_path):
    """Return what runs a recipe of these sections into the folder `out`."""

    def call(**sections):
        given = {"sink": {"path": str(tmp_path / "out")} | sections.pop("sink", {}), **sections}
        options = RunOptions(service=stack.service, api_key=stack.api_key)
        RecipeRun(spark, Recipe.check(given), options, lambda _: None).run()
        return tmp_path / "out"

    return call


def sections(case, folder):
    source = {"files": f"{folder}/{case.path}" if case.path else str(folder)}
    return {
        "source": source | ({"encoding": case.encoding} if case.encoding else {}),
        "sample": {"rows": 100},
        "analyze": {"columns": [case.text]},
        "features": {"id": case.text, "min_documents": 1, "split": {"train": 1.0}},
    }


@pytest.mark.parametrize("name", TAKEN)
def test_a_recipe_analyses_and_makes_features_of_what_the_tool_reads_that_wrote_it(go, tmp_path, name):
    case = CASES[name]
    (tmp_path / "in").mkdir()
    expected = case.write(tmp_path / "in")
    out = go(**sections(case, tmp_path / "in"))
    analysed = ds.dataset(out / "analyzed", format="parquet").to_table().to_pylist()
    drawn = pq.read_table(out / "sample" / "sample.parquet").to_pylist()
    added = {"tokens", "error", "_corrupt_record", "_sample_unit"}
    for found in (analysed, drawn):
        rows = [{key: value for key, value in row.items() if key not in added} for row in found]
        assert sorted(rows, key=repr) == sorted((dict.fromkeys(rows[0]) | row for row in expected), key=repr)
    assert all(row["tokens"] for row in analysed if row[case.text])
    made = ds.dataset(out / "features", format="parquet").to_table()[case.text].to_pylist()
    assert sorted(made, key=repr) == sorted((row[case.text] for row in expected), key=repr)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_before_anything_is_done(go, tmp_path, name):
    case = CASES[name]
    (tmp_path / "in").mkdir()
    case.write(tmp_path / "in")
    with pytest.raises(ConfigError, match=case.refused) as caught:
        go(**sections(case, tmp_path / "in"))
    assert "in a recipe, --NAME is NAME in [source]" in caught.value.message
    assert not (tmp_path / "out").exists()


@pytest.fixture
def odd_names(tmp_path):
    """Rows below a partition, in columns with dots, blanks and backticks."""
    folder = tmp_path / "한글 폴더" / "날짜=2024-01"
    folder.mkdir(parents=True)
    rows = [
        {"문서.번호": number, "리뷰 본문": f"영화 {number} 참 좋다", "점수`": number % 3, "점.수": number % 2}
        for number in range(30)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return folder.parent, rows


@pytest.mark.parametrize("label", ["점수`", "점.수"])
def test_all_stages_take_names_with_dots_and_backticks(go, odd_names, spark, label):
    folder, rows = odd_names

    def run(form):
        return go(
            source={"files": str(folder)},
            sample={"rows": 20},
            profile={"label": label, "group": "날짜", "tokens": 10},
            analyze={"columns": ["리뷰 본문"]},
            features={"id": "문서.번호", "label": label, "min_documents": 1},
            sink={"partition_by": [label], "format": form},
        )

    for form in ("parquet", "orc", "json"):
        out = run(form)
        made = spark.read.format(form).load(str(out / "features")).toArrow().to_pylist()
        assert sorted((row["문서.번호"], row[label]) for row in made) == [
            (row["문서.번호"], row[label]) for row in rows
        ]
    report = json.loads((out / "profile" / "리뷰 본문.json").read_text())
    assert report["columns"]["label"] == label


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": [1], "text": ["글"], "tokens": [1]}, r"\[analyze\] there is a column 'tokens' already: rename it"),
        ({"id": [1], "text": ["글"], "error": ["x"]}, r"\[analyze\] there is a column 'error' already: rename it"),
        (
            {"id": [1], "text": ["글"], "in": [[1]]},
            r"\[sink\] partition_by: column 'in' is array<bigint>, which can't name a directory",
        ),
    ],
)
def test_columns_that_a_later_stage_cannot_use_are_refused_before_anything_is_done(go, tmp_path, columns, said):
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    given = {"features": {"id": "id", "min_documents": 1}, "sink": {"partition_by": ["in"] if "in" in columns else []}}
    with pytest.raises(ConfigError, match=said) as caught:
        go(source={"files": str(tmp_path / "in.parquet")}, analyze={"columns": ["text"]}, **given)
    assert "\n" not in caught.value.message
    assert not (tmp_path / "out").exists()

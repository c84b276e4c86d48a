"""Recipes on a real Spark with a real service: stages in order, what is done, and what is stale."""

import json
import shutil

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError, NlpbatchError
from nlpbatch.recipe import Recipe
from nlpbatch.spark.storage import Storage


def done(said):
    return {line.partition(":")[0]: line.partition(": ")[2].partition(" ")[0] for line in said}


def test_from_a_query_to_features_and_nothing_twice(go, recipe, tmp_path, view):
    said = go(recipe(), dry_run=True)
    assert [line for line in said if "to do" in line] == [
        f"{stage}: to do" for stage in ("dump", "sample", "profile", "analyze", "features")
    ]
    assert not (tmp_path / "out" / "dump").exists()

    go(recipe())
    out = tmp_path / "out"
    manifest = json.loads((out / "dump" / "_manifest.json").read_text())
    assert manifest["rows"] == view.num_rows
    assert "SELECT" in manifest["query"]
    assert (out / "profile" / "review.html").stat().st_size < 5_000_000
    rows = ds.dataset(out / "features", partitioning="hive").to_table()
    assert sorted(rows["review_id"].to_pylist()) == sorted(view["review_id"].to_pylist())
    assert set(rows["split"].to_pylist()) == {"train", "validation", "test"}
    described = json.loads((out / "features" / "_nlpbatch" / "features.json").read_text())
    vocabulary = [
        json.loads(line) for line in (out / "features" / "_nlpbatch" / "vocabulary.jsonl").read_text().splitlines()
    ]
    assert described["vocabulary"] == len(vocabulary) > 100
    assert len(described["fingerprint"]) == 32
    check_sequences(rows, out, vocabulary)

    assert set(done(go(recipe())).values()) == {"done"}
    assert all("done already" in line for line in go(recipe()))

    changed = go(recipe(features={"ngrams": 1}))
    assert "features: stale, ngrams was 2, is 1" in changed
    assert [line for line in changed if "done already" in line] == [
        f"{stage}: done already" for stage in ("dump", "sample", "profile", "analyze")
    ]


def check_sequences(rows, out, vocabulary):
    """A row's sequence is its lemmas' numbers."""
    numbers = {one["term"]: one["sequence"] for one in vocabulary}
    analysed = ds.dataset(out / "analyzed", partitioning="hive").to_table(columns=["review_id", "tokens"])
    lemmas = {row["review_id"]: [token["lemma"] for token in row["tokens"] or ()] for row in analysed.to_pylist()}
    for row in rows.to_pylist():
        assert row["sequence"] == [numbers.get(lemma, 1) for lemma in lemmas[row["review_id"]]]


def test_the_sample_goes_the_same_way_in_a_directory_of_its_own(go, recipe, tmp_path, view):
    go(recipe(), on_sample=True)
    assert ds.dataset(tmp_path / "out" / "on-sample" / "features").count_rows() == 200
    assert not (tmp_path / "out" / "features").exists()
    estimate = go(recipe(), dry_run=True)[-1]
    assert f"{view.num_rows} documents" in estimate
    assert "hours of analysis" in estimate


def test_a_stage_is_not_made_of_what_is_not_there_or_stale(go, recipe):
    with pytest.raises(ConfigError, match="--stage features needs dump, which isn't done"):
        go(recipe(), stage="features")
    go(recipe(), stage="dump")
    with pytest.raises(ConfigError, match="--stage profile needs sample"):
        go(recipe(), stage="profile")
    go(recipe(), stage="sample")
    with pytest.raises(ConfigError, match=r"needs sample, which is stale \(rows was 200, is 100"):
        go(recipe(sample={"rows": 100}), stage="profile")
    assert any(line.startswith("analyze: done in") for line in go(recipe(sample={"rows": 100}), stage="analyze"))


def test_a_dump_is_replaced_only_with_overwrite(go, recipe, tmp_path):
    go(recipe(), stage="dump")
    other = recipe(source={"sql": "SELECT review_id, review, rating, date FROM reviews LIMIT 50"})
    with pytest.raises(ConfigError, match="give --overwrite to replace it"):
        go(other, stage="dump")
    go(other, stage="dump", overwrite=True)
    assert ds.dataset(tmp_path / "out" / "dump").count_rows() == 50
    assert "dump: will be run again, --overwrite" in go(other, dry_run=True, overwrite=True)
    assert any(line.startswith("dump: done in") for line in go(other, stage="dump", overwrite=True))


def test_what_somebody_deleted_is_made_again(go, short, tmp_path):
    go(short())
    shutil.rmtree(tmp_path / "out" / "features")
    assert "features: to do" in go(short(), dry_run=True)
    go(short())
    assert (tmp_path / "out" / "features" / "_nlpbatch" / "features.json").exists()


def test_features_that_were_interrupted_while_replaced_are_not_taken_for_the_old_ones(go, short, tmp_path, monkeypatch):
    go(short())

    def move(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "move", move)
        with pytest.raises(KeyboardInterrupt):
            go(short(features={"ngrams": 1}))
    assert any(line.startswith("features: done in") for line in go(short()))
    described = json.loads((tmp_path / "out" / "features" / "_nlpbatch" / "features.json").read_text())
    assert described["settings"]["ngrams"] == 2


def test_an_analysis_with_other_settings_resumes_where_it_was_interrupted(go, short, tmp_path):
    go(short())
    nouns = short(analyze={"tags": ["NNG"]}, features={"unit": "nouns"})
    with pytest.raises(NlpbatchError):
        go(nouns, api_key="nobody's")
    go(nouns)
    summary = json.loads((tmp_path / "out" / "analyzed" / "_nlpbatch" / "summary.json").read_text())
    assert summary["rows"] == 50
    rows = ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").to_table()["tokens"].to_pylist()
    assert {token["tag"] for tokens in rows for token in tokens} == {"NNG"}


def test_only_rows_that_meet_the_condition_are_analysed(go, recipe, tmp_path, reviews):
    table = pq.read_table(reviews).slice(0, 100)
    pq.write_table(table, tmp_path / "some.parquet")
    files = recipe(source={"files": str(tmp_path / "some.parquet")}, analyze={"where": "rating >= 9"})
    go(files)
    rows = ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").to_table()
    good = table.filter(ds.field("rating") >= 9)
    assert sorted(rows["review_id"].to_pylist()) == sorted(good["review_id"].to_pylist())
    less = recipe(source={"files": str(tmp_path / "some.parquet")}, analyze={"where": "rating >= 10"})
    said = go(less, dry_run=True)
    assert 'analyze: stale, where was "rating >= 9", is "rating >= 10"' in said
    assert "features: will be run again, analyze will be run again" in said


def test_tab_separated_values_go_all_the_way(go, recipe, tmp_path):
    lines = [f"{number}\t영화 정말 재밌다, 최고\t{number % 2}" for number in range(60)]
    (tmp_path / "ratings.txt").write_text("id\tdocument\tlabel\n" + "\n".join(lines) + "\n", encoding="utf-8")
    tabs = recipe(
        source={"files": str(tmp_path / "ratings.txt"), "format": "csv", "reader": {"sep": "\t"}},
        sample={"rows": 20, "read_share": 1.0},
        profile={"label": "label", "date": None},
        analyze={"columns": ["document"]},
        features={"id": "id", "label": "label"},
    )
    go(tabs)
    assert json.loads((tmp_path / "out" / "profile" / "document.json").read_text())["sample"]["rows"] == 20
    rows = ds.dataset(tmp_path / "out" / "features", partitioning="hive").to_table()
    assert sorted(map(int, rows["id"].to_pylist())) == list(range(60))


def test_columns_called_as_those_of_features_do_no_harm(go, short, tmp_path):
    table = pq.read_table(tmp_path / "some.parquet")
    for name in ("terms", "sequence", "weighted", "split", "_units"):
        table = table.append_column(name, [["x"] * table.num_rows])
    pq.write_table(table, tmp_path / "some.parquet")
    go(short())
    assert ds.dataset(tmp_path / "out" / "features", partitioning="hive").count_rows() == 50


def test_times_go_the_same_way_on_the_sample(go, recipe, spark, tmp_path):
    columns = ("id AS review_id", "'영화 재밌다' AS review", "1 AS rating", "timestamp'9999-12-31' AS date")
    spark.range(40).selectExpr(*columns).write.parquet(str(tmp_path / "in"))
    go(recipe(source={"files": str(tmp_path / "in")}), on_sample=True)
    rows = ds.dataset(tmp_path / "out" / "on-sample" / "analyzed", partitioning="hive").to_table()
    assert {str(value)[:4] for value in rows["date"].to_pylist()} == {"9999"}


def test_a_dry_run_estimates_documents_bytes_and_hours(go, recipe, spark, tmp_path, reviews):
    pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")
    size = (tmp_path / "some.parquet").stat().st_size
    once = go(recipe(source={"files": str(tmp_path / "some.parquet")}), dry_run=True)[-1]
    odd = tmp_path / "odd" / "deep"
    odd.mkdir(parents=True)
    shutil.copy(tmp_path / "some.parquet", odd / "a[1]*.parquet")
    shutil.copy(tmp_path / "some.parquet", odd.parent / "b.parquet")
    twice = go(recipe(source={"files": str(odd.parent)}), dry_run=True)[-1]
    assert twice.startswith(f"everything: 100 documents, {2 * size:,} bytes")
    assert once == f"everything: 50 documents, {size:,} bytes, hours unknown: run it with --on sample first"
    spark.range(7).selectExpr("id AS review_id", "'가' AS review", "1 AS rating", "'x' AS date").write.mode(
        "overwrite"
    ).saveAsTable("counted")
    spark.sql("ANALYZE TABLE counted COMPUTE STATISTICS")
    try:
        assert "about " in go(recipe(source={"table": "counted"}), dry_run=True)[-1]
    finally:
        spark.sql("DROP TABLE counted")


def test_another_operation_needs_no_tokens(go, stack, tmp_path, reviews):
    pq.write_table(pq.read_table(reviews).slice(0, 50), tmp_path / "some.parquet")
    asked = {"columns": ["review"], "operation": "space", "options": {"reset_whitespace": True}}
    sections = {
        "source": {"files": str(tmp_path / "some.parquet")},
        "analyze": asked,
        "sink": {"path": str(tmp_path / "out")},
    }
    go(Recipe.check(sections))
    rows = ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").to_table()
    assert rows["spaced"].null_count == 0

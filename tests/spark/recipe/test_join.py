"""A second table beside real rows: what is joined, what is counted, and what is refused."""

import json

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError

RATED = {1: "관람가", 2: "15세"}


@pytest.fixture
def films(tmp_path, reviews):
    """Every second film of 50 reviews, as CSV in CP949, which a colleague's spreadsheet wrote."""
    table = pq.read_table(reviews).slice(0, 50)
    known = sorted(set(table["movie_id"].to_pylist()))[::2]
    lines = ["번호,제목", *(f"{number},영화 {number}" for number in known)]
    (tmp_path / "films.csv").write_text("\n".join(lines) + "\n", encoding="cp949")
    return known


@pytest.fixture
def joining(short, tmp_path):
    def make(source=None, **join):
        given = {"files": str(tmp_path / "films.csv"), "encoding": "cp949", "on": {"movie_id": "번호"}}
        given = join if {"sql", "table"} & set(join) else given | join
        return short(join=given, features={"label": "제목"}, **({"source": source} if source else {}))

    return make


def read(tmp_path, name):
    return ds.dataset(tmp_path / "out" / name, format="parquet", exclude_invalid_files=True).to_table()


def test_rows_get_the_columns_of_their_partner_and_those_without_one_are_counted(go, joining, films, tmp_path):
    source = pq.read_table(tmp_path / "some.parquet").to_pylist()
    said = go(joining())
    unmatched = sum(row["movie_id"] not in films for row in source)
    assert 0 < unmatched < 50
    assert any(line.endswith(f"rows 50, unmatched {unmatched}") for line in said if line.startswith("join: done"))
    expected = [row | {"제목": f"영화 {row['movie_id']}" if row["movie_id"] in films else None} for row in source]
    for name in ("joined", "analyzed"):
        rows = [{key: row[key] for key in expected[0]} for row in read(tmp_path, name).to_pylist()]
        assert sorted(rows, key=repr) == sorted(expected, key=repr)
    manifest = json.loads((tmp_path / "out" / "joined" / "_manifest.json").read_text())
    assert {name: manifest[name] for name in ("rows", "unmatched", "malformed", "without_key")} == {
        "rows": 50,
        "unmatched": unmatched,
        "malformed": 0,
        "without_key": 0,
    }
    assert "join: done already" in go(joining())


def test_rows_without_a_partner_can_be_left_out(go, joining, films, tmp_path):
    go(joining(unmatched="drop"), stage="join")
    assert set(read(tmp_path, "joined")["movie_id"].to_pylist()) == set(films)


def test_the_sample_is_joined_in_a_directory_of_its_own(go, recipe, joining, films, tmp_path):
    plain = joining()
    sampled = recipe(source={"files": str(tmp_path / "some.parquet")}, sample={"rows": 20}, features={"label": "제목"})
    with_join = type(plain)(**{name: getattr(sampled, name) for name in sampled.__slots__} | {"join": plain.join})
    go(with_join, on_sample=True)
    assert read(tmp_path, "on-sample/joined").num_rows == 20
    assert not (tmp_path / "out" / "joined").exists()


def test_a_table_that_has_changed_or_files_that_were_added_are_joined_again(go, joining, films, tmp_path):
    go(joining())
    with (tmp_path / "films.csv").open("a", encoding="cp949") as file:
        file.write("none,영화\n")
    planned = go(joining(), dry_run=True)
    assert any(line.startswith("join: stale, joined_contents was") for line in planned)
    assert "analyze: will be run again, join will be run again" in planned
    go(joining())
    pq.write_table(pq.read_table(tmp_path / "some.parquet").slice(0, 10), tmp_path / "some.parquet")
    assert any(line.startswith("join: stale, contents was") for line in go(joining()))
    assert read(tmp_path, "analyzed").num_rows == 10


def test_lines_that_cannot_be_parsed_are_counted(go, joining, tmp_path):
    (tmp_path / "some.csv").write_text(
        "review_id,review,movie_id\n1,좋다,7\n2,나쁘다\n3,그저 그렇다,8,x,y\n4,최고,7\n", encoding="utf-8"
    )
    (tmp_path / "films.csv").write_text("번호,제목\n7,가\n,나\n", encoding="cp949")
    said = go(joining(source={"files": str(tmp_path / "some.csv")}), stage="join")
    assert any(line.endswith("rows 2, malformed 2, without_key 1") for line in said), said


@pytest.mark.parametrize(
    ("join", "said"),
    [
        ({"on": {"movie": "번호"}}, r"\[join\] on: the rows have no column 'movie': did you mean movie_id"),
        ({"on": {"movie_id": "번"}}, r"\[join\] on: the joined table has no column '번': did you mean 번호"),
        ({"on": {"rating": "번호"}}, "'rating' is tinyint in the rows, and '번호' is string in the joined table: cast"),
        ({"columns": ["제"]}, r"\[join\] columns: the joined table has no column '제'"),
        (
            {"sql": "SELECT '1' AS movie_id, 5 AS Rating", "on": "movie_id"},
            r"both have a column 'rating': leave it out",
        ),
        ({"sql": "SELECT array(1) AS a", "on": {"review": "a"}}, "is string in the rows, and 'a' is array<int>"),
        ({"sql": "SELEC 1", "on": "movie_id"}, r"\[join\] the query can't be run"),
        ({"files": "/nowhere.csv"}, r"\[join\] .*nowhere.csv.*NAME in \[join\]"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_before_anything_is_done(go, joining, films, tmp_path, join, said):
    with pytest.raises(ConfigError, match=said):
        go(joining(**join))
    assert not (tmp_path / "out").exists()


def test_a_report_of_texts_that_only_the_joined_table_has_is_refused(go, recipe, view, films, tmp_path):
    join = {"files": str(tmp_path / "films.csv"), "encoding": "cp949", "on": {"movie_id": "번호"}}
    source = {"sql": "SELECT * FROM reviews"}
    with pytest.raises(
        ConfigError, match=r"\[profile\] reports on the source, and '제목' of \[analyze\] columns is of"
    ):
        go(recipe(source=source, join=join, analyze={"columns": ["제목"]}))
    assert not (tmp_path / "out").exists()


def test_keys_that_are_there_twice_are_refused_without_their_values_before_a_dump(go, recipe, view, tmp_path):
    twice = "SELECT movie_id, 'x' AS title FROM reviews"
    join = {"sql": twice, "on": "movie_id"}
    with pytest.raises(
        ConfigError, match=r"\[join\] \d+ keys \(movie_id\) are in \d+ rows of the joined table"
    ) as caught:
        go(recipe(source={"sql": "SELECT * FROM reviews"}, join=join))
    assert "GROUP BY movie_id" in caught.value.message
    assert not any(number in caught.value.message for number in set(view["movie_id"].to_pylist()))
    assert not (tmp_path / "out").exists()


def test_keys_that_never_meet_are_an_error(go, joining, tmp_path):
    (tmp_path / "films.csv").write_text("번호,제목\n7-,가\n", encoding="cp949")
    with pytest.raises(
        ConfigError, match=r"\[join\] none of 50 rows has a partner: compare the values of movie_id with"
    ):
        go(joining())
    assert not (tmp_path / "out" / "joined").exists()


def test_whole_numbers_of_different_width_and_odd_names_are_joined(go, short, tmp_path):
    rows = pa.table({"문서.번호": pa.array([1, 2], pa.int32()), "리뷰": ["좋다", "싫다"]})
    pq.write_table(rows, tmp_path / "in.parquet")
    pq.write_table(
        pa.table({"문서.번호": pa.array([1, 2], pa.int64()), "등`급": list(RATED.values())}), tmp_path / "r.parquet"
    )
    go(
        short(
            source={"files": str(tmp_path / "in.parquet")},
            join={"files": str(tmp_path / "r.parquet"), "on": "문서.번호"},
            analyze={"columns": ["리뷰"]},
            features={"id": "문서.번호", "label": "등`급", "min_documents": 1},
        )
    )
    found = read(tmp_path, "analyzed").to_pylist()
    assert {row["문서.번호"]: row["등`급"] for row in found} == RATED

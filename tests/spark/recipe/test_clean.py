"""Cleaning real rows: texts, bounds, duplicates, and which row of duplicates is kept."""

import json

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError

LONG = "이 영화는 정말 처음부터 끝까지 눈을 뗄 수 없을 만큼 재미있었고 배우들의 연기도 훌륭했습니다"


@pytest.fixture
def clean(go, short, tmp_path):
    """Return what cleans texts alone, and returns the rows that are left, by id, and the figures."""

    def call(texts, ids=None, stage="clean", **settings):
        table = pa.table({"id": ids or [str(number) for number in range(len(texts))], "review": texts})
        pq.write_table(table, tmp_path / "in.parquet")
        source = {"files": str(tmp_path / "in.parquet")}
        go(short(source=source, clean=settings, features={"id": "id", "label": None, "min_documents": 1}), stage=stage)
        rows = ds.dataset(tmp_path / "out" / "cleaned", format="parquet", exclude_invalid_files=True).to_table()
        assert rows.schema.names == table.schema.names
        figures = json.loads((tmp_path / "out" / "cleaned" / "_manifest.json").read_text())
        return {row["id"]: row["review"] for row in rows.to_pylist()}, figures

    return call


def test_texts_are_cleaned_and_every_change_is_counted(clean):
    texts = [
        "재밌다<br>또 볼래",
        "문의 010-1234-5678, hong@example.com",
        "주민 900101-1234567 카드 4111-1111-1111-1111",
        "앞\x07뒤",
        None,
        "그대로",
    ]
    rows, figures = clean(texts)
    assert rows == {
        "0": "재밌다\n또 볼래",
        "1": "문의 [PHONE], [EMAIL]",
        "2": "주민 [RESIDENT] 카드 [CARD]",
        "3": "앞뒤",
        "4": None,
        "5": "그대로",
    }
    made_at = figures.pop("made_at")
    assert made_at
    assert figures == {
        "rows": 6,
        "read": 6,
        "malformed": 0,
        "too_short": 0,
        "too_long": 0,
        "other_language": 0,
        "html": 1,
        "control_characters": 1,
        "email": 1,
        "resident": 1,
        "card": 1,
        "phone": 1,
        "duplicates": 0,
    }


def test_what_is_switched_off_is_not_done(clean):
    text = "재밌다<br>\x07 010-1234-5678 a@b.kr"
    assert clean([text], html=False, control_characters=False, mask=[])[0] == {"0": text}
    assert clean([text], mask=["email"])[0] == {"0": "재밌다\n 010-1234-5678 [EMAIL]"}


def test_rows_out_of_bounds_are_left_out_and_counted_by_reason(clean):
    texts = ["ㅋㅋ", "딱세자", "  네글자 ", "다섯글자요", "abc 가", "가a", "1234", None, "010-1234-5678 네", "가나a"]
    rows, figures = clean(texts, length={"min": 3, "max": 10}, hangul={"min": 0.5})
    assert set(rows) == {"1", "2", "3", "8", "9"}
    counted = {name: figures[name] for name in ("read", "rows", "too_short", "too_long", "other_language")}
    assert counted == {"read": 10, "rows": 5, "too_short": 3, "too_long": 0, "other_language": 2}
    rows, figures = clean(texts, hangul={"max": 0.5})
    assert set(rows) == {"4", "5", "6", "7"}
    _, figures = clean(texts, length={"max": 4})
    assert figures["too_long"] == 3


def test_of_equal_texts_the_first_row_is_kept_whatever_the_order_of_the_files(clean):
    texts = ["좋다", "좋다 ", "좋다", "별로", "좋다", None, None, "", ""]
    rows, figures = clean(texts, ids=list("fgbeahikj"), first_by="id")
    assert set(rows) == set("agehij")
    assert figures["duplicates"] == 3
    by_hash, _ = clean(texts, ids=list("fgbeahikj"))
    assert len(by_hash) == 6
    assert clean(texts[::-1], ids=list("fgbeahikj")[::-1])[0] == by_hash


def test_equal_texts_can_be_kept(clean):
    rows, figures = clean(["좋다", "좋다"], duplicates="keep")
    assert len(rows) == 2
    assert "duplicates" not in figures


def test_near_duplicates_of_a_kept_row_are_left_out_and_no_others(clean):
    texts = [
        LONG,
        LONG.replace("정말", "진짜"),  # one word
        LONG.replace(" ", "") + "!!!",  # the same letters
        LONG.upper() + " ㅠㅠ",
        LONG[:20],
        "굿",
        "굿!",
        "굿굿",
        "!!",
        "??",
        None,
    ]
    rows, figures = clean(texts, duplicates="near", first_by="id")
    assert set(rows) == {"0", "4", "5", "7", "8", "9", "10"}
    assert (figures["duplicates"], figures["near_duplicates"]) == (0, 4)
    rows, figures = clean(texts, duplicates="near", similarity=1, first_by="id")
    assert set(rows) == {"0", "1", "3", "4", "5", "7", "8", "9", "10"}


def test_without_any_near_duplicates_all_rows_are_kept(clean):
    rows, figures = clean(["좋은 영화", "나쁜 영화", "?"], duplicates="near")
    assert len(rows) == 3
    assert figures["near_duplicates"] == 0


def test_each_text_that_is_left_out_has_a_near_duplicate_that_is_kept(clean):
    """Along a chain, the ends of which have nothing in common, some of the links are kept."""
    words = [f"낱말{number}번" for number in range(60)]
    chain = [" ".join(words[start : start + 30]) for start in range(0, 30, 2)]
    rows, figures = clean(chain, ids=[f"{number:02}" for number in range(15)], duplicates="near", first_by="id")
    kept = [shingles(text) for text in rows.values()]
    assert 1 < len(kept) < 15
    assert figures["near_duplicates"] == 15 - len(kept)
    for text in chain:
        assert max(jaccard(shingles(text), other) for other in kept) >= 0.8
    assert max(jaccard(one, other) for one in kept for other in kept if one is not other) < 0.8


def shingles(text):
    plain = "".join(character for character in text.lower() if character.isalnum())
    return {plain[at : at + 3] for at in range(len(plain) - 2)}


def jaccard(one, other):
    return len(one & other) / len(one | other)


def test_what_is_left_is_analysed_and_stale_when_the_rules_change(go, clean, short, tmp_path):
    clean(["좋은 영화", "좋은 영화", "나쁜 영화 010-1234-5678"], stage=None)
    rows = ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").to_table()
    assert sorted(rows["review"].to_pylist()) == ["나쁜 영화 [PHONE]", "좋은 영화"]
    forms = {token["form"] for tokens in rows["tokens"].to_pylist() for token in tokens}
    assert not {"010", "1234", "5678"} & forms
    sections = {"source": {"files": str(tmp_path / "in.parquet")}, "features": {"id": "id", "label": None}}
    planned = go(short(clean={"duplicates": "keep"}, **sections), dry_run=True)
    assert any(line.startswith("clean: stale, duplicates was") for line in planned)
    assert "analyze: will be run again, clean will be run again" in planned


def test_records_reports_and_what_is_said_hold_no_text(go, short, tmp_path):
    secret = "비밀스러운 이야기"
    table = pa.table({"id": [1, 2, 3], "kind": ["a", "b", "a"], "review": [f"{secret} 010-1234-5678", secret, secret]})
    pq.write_table(table, tmp_path / "in.parquet")
    expect = {"label": "kind", "drift": {"labels": 0, "length": 0}, "rows": {"min": 9}, "on_breach": "warn"}
    sections = {"source": {"files": str(tmp_path / "in.parquet")}, "clean": {}, "expect": expect}
    said = go(short(**sections, features={"id": "id", "label": "kind", "min_documents": 1}))
    assert any(line.startswith("warning: expect: rows is 2") for line in said)
    out = tmp_path / "out"
    files = [*out.glob("_recipe/**/*.json"), *out.glob("expect/*.json"), out / "cleaned" / "_manifest.json"]
    assert len(files) >= 5
    for written in (*said, *(file.read_text() for file in files)):
        assert "비밀" not in written
        assert "1234" not in written


def test_columns_of_lists_and_several_columns_are_cleaned_together(go, short, tmp_path):
    table = pa.table(
        {
            "id": [1, 2, 3],
            "제.목": ["좋다", "좋다", "좋다"],
            "body": [["가 <b>나</b>", None], ["가 나", None], ["a@b.kr"]],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    source = {"files": str(tmp_path / "in.parquet")}
    go(
        short(
            source=source,
            clean={"columns": ["제.목", "body"]},
            analyze={"columns": ["제.목"]},
            features={"id": "id", "label": "id"},
        ),
        stage="clean",
    )
    rows = ds.dataset(tmp_path / "out" / "cleaned", format="parquet", exclude_invalid_files=True).to_table().to_pylist()
    assert sorted((row["제.목"], row["body"]) for row in rows) == [("좋다", ["[EMAIL]"]), ("좋다", ["가 나", None])]


def test_lines_that_cannot_be_parsed_are_counted(go, short, tmp_path):
    (tmp_path / "some.csv").write_text("id,review\n1,좋다\n2,a,b,c\n", encoding="utf-8")
    source = {"files": str(tmp_path / "some.csv")}
    said = go(short(source=source, clean={}, features={"id": "id", "label": None}), stage="clean")
    assert any("read 2, malformed 1" in line for line in said if line.startswith("clean: done")), said


def test_a_second_table_is_joined_before_texts_are_cleaned(go, short, tmp_path):
    pq.write_table(pa.table({"id": [1, 2], "review": ["좋다", "싫다"]}), tmp_path / "in.parquet")
    pq.write_table(pa.table({"id": [1, 2], "reply": ["감사합니다 010-1234-5678", None]}), tmp_path / "replies.parquet")
    sections = {
        "source": {"files": str(tmp_path / "in.parquet")},
        "join": {"files": str(tmp_path / "replies.parquet"), "on": "id"},
        "clean": {"columns": ["review", "reply"]},
        "expect": {"rows": {"min": 2}, "null_share": {"reply": 0.5}},
        "features": {"id": "id", "label": "reply", "min_documents": 1},
    }
    go(short(**sections))
    rows = ds.dataset(tmp_path / "out" / "analyzed", partitioning="hive").to_table().to_pylist()
    assert {row["id"]: row["reply"] for row in rows} == {1: "감사합니다 [PHONE]", 2: None}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"columns": ["reviw"]}, r"\[clean\] columns: the source has no column 'reviw': did you mean review"),
        ({"columns": ["rating"]}, r"\[clean\] columns: column 'rating' is tinyint, not text"),
        ({"first_by": "dat"}, r"\[clean\] first_by: the source has no column 'dat': did you mean date"),
    ],
)
def test_columns_that_cannot_be_cleaned_are_refused_before_anything_is_done(go, short, tmp_path, settings, said):
    with pytest.raises(ConfigError, match=said):
        go(short(clean=settings))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"clean": {"columns": ["text"]}}, r"\[clean\] columns: the rows have no column 'text'"),
        ({"clean": {"first_by": "i"}}, r"\[clean\] first_by: the rows have no column 'i'"),
        ({"expect": {"null_share": {"text": 0}}}, r"\[expect\] null_share: the rows have no column 'text'"),
        ({"join": {"sql": "SELECT 1 AS n", "on": "n"}}, r"\[join\] on: the rows have no column 'n'"),
    ],
)
def test_columns_of_json_are_checked_when_it_is_read(go, short, tmp_path, sections, said):
    (tmp_path / "in.jsonl").write_text('{"id": 1, "review": "좋다"}\n', encoding="utf-8")
    source = {"files": str(tmp_path / "in.jsonl")}
    with pytest.raises(ConfigError, match=said):
        go(short(source=source, features={"id": "id", "label": None}, **sections))


def test_bounds_that_leave_nothing_are_an_error(clean, tmp_path):
    with pytest.raises(ConfigError, match=r"\[clean\] no row is left \(read 2, too_short 2\): ease length and hangul"):
        clean(["좋다", "싫다"], length={"min": 100})
    assert not (tmp_path / "out" / "cleaned").exists()

"""Characters: files in UTF-8, UTF-16 and CP949, with the encoding given or not."""

import json

import pandas as pd

from tests.fakes.odd_files.table import CASES, KOREAN, OTHER, case, read_csv


@case("CP949 with its encoding", encoding="cp949")
def _(folder):
    df = pd.DataFrame({"번호": ["1", "2"], "text": [KOREAN, OTHER]})
    df.to_csv(folder / "a.csv", index=False, encoding="cp949")
    return read_csv(folder / "a.csv", encoding="cp949")


@case("CP949 without its encoding", refused=r"a\.csv:?( it)? is not UTF-8: its bytes fit CP949; give --encoding cp949")
def _(folder):
    return CASES["CP949 with its encoding"].write(folder)


@case("UTF-16 as Excel saves Unicode text", path="a.csv", refused=r"bytes fit UTF-16; give --encoding utf-16")
def _(folder):
    (folder / "a.csv").write_bytes(f"id\ttext\r\n1\t{KOREAN}\r\n".encode("utf-16"))
    return []


@case("UTF-16 with its encoding", encoding="utf-16")
def _(folder):
    (folder / "a.csv").write_bytes(f"id\ttext\r\n1\t{KOREAN}\r\n2\t{OTHER}\r\n".encode("utf-16"))
    return read_csv(folder / "a.csv", sep="\t", encoding="utf-16")


@case("bytes that are not UTF-8 far behind the beginning", set_aside={"b.csv": "not UTF-8.*line 20,001"})
def _(folder):
    (folder / "a.csv").write_text(f"id,text\n1,{KOREAN}\n", encoding="utf-8")
    lines = "".join(f"{number},{OTHER}\n" for number in range(2, 20_001))
    (folder / "b.csv").write_bytes(f"id,text\n{lines}".encode() + f"0,{KOREAN}\n".encode("cp949"))
    return read_csv(folder / "a.csv")


@case("JSON Lines in CP949", encoding="cp949")
def _(folder):
    rows = [{"id": 1, "text": KOREAN}, {"id": 2, "text": OTHER}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "a.jsonl").write_bytes(lines.encode("cp949"))
    return rows


@case("lines of text in CP949", encoding="cp949", text="value")
def _(folder):
    (folder / "a.txt").write_bytes(f"{KOREAN}\n{OTHER}\n".encode("cp949"))
    return [{"value": KOREAN}, {"value": OTHER}]

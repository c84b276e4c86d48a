"""JSON: lines, arrays, and what is neither."""

import json

import pandas as pd

from tests.fakes.odd_files.table import KOREAN, OTHER, case


@case("a JSON array as pandas writes it")
def _(folder):
    df = pd.DataFrame({"id": [1, 2], "text": [KOREAN, OTHER]})
    df.to_json(folder / "a[1].json", orient="records", force_ascii=False, indent=2)
    return pd.read_json(folder / "a[1].json").to_dict("records")


@case("a JSON array in CP949", encoding="cp949")
def _(folder):
    rows = [{"id": 1, "text": KOREAN}, {"id": 2, "text": OTHER}]
    (folder / "a.json").write_bytes(json.dumps(rows, ensure_ascii=False, indent=1).encode("cp949"))
    return rows


@case("JSON arrays beside lines", refused=r"a\.json is one array, others")
def _(folder):
    (folder / "a.json").write_text(json.dumps([{"text": KOREAN}]), encoding="utf-8")
    (folder / "b.json").write_text(json.dumps({"text": KOREAN}), encoding="utf-8")
    return []


@case("names of JSON that differ in case only", refused="rename|another name")
def _(folder):
    (folder / "a.json").write_text(json.dumps({"text": KOREAN, "Text": OTHER}), encoding="utf-8")
    return []


@case("lines that are not JSON", refused="no line is a JSON object")
def _(folder):
    (folder / "a.json").write_text(f"{KOREAN}\n{OTHER}\n", encoding="utf-8")
    return []


@case("JSON objects over several lines", refused=r"a\.json.*several lines.*jq -c")
def _(folder):
    (folder / "a.json").write_text(json.dumps({"id": 1, "text": KOREAN}, indent=2), encoding="utf-8")
    return []

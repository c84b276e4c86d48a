"""The ratios that docs/benchmarks.json keeps, by the number of documents and cores."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.suite.figures import NoVerdict, Ratio


def key_of(documents: int, cores: int, engine: str = "kiwi") -> str:
    """Return under which name ratios are kept: they depend on how much was analysed, and on how many cores."""
    return f"{documents} documents, {cores} cores" + (f", {engine}" if engine != "kiwi" else "")


def record(file: Path, key: str, ratios: Mapping[str, Ratio]) -> None:
    """Replace the ratios of this key; those of the others stay."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept[key] = kept.get(key, {}) | {name: ratio.to_json() for name, ratio in ratios.items()}
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def recorded(file: Path, key: str) -> dict[str, Ratio]:
    """Return the ratios of this key.

    Raises:
        NoVerdict: There are none.

    """
    kept = json.loads(file.read_text(encoding="utf-8"))
    if key not in kept:
        raise NoVerdict(f"nothing is recorded of {key}, but of {', '.join(kept)}: measure one of these, or --record")
    return {name: Ratio.from_json(members) for name, members in kept[key].items()}

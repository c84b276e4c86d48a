"""The configuration of a service of functions of one's own, with their modules beside it."""

import shutil
from pathlib import Path

from nlpbatch.engine.functions import FunctionEngine
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.wire.analyzer import AnalyzerInfo

MODULE = Path(__file__).with_name("own_operations.py")
NESTED_MODULE = Path(__file__).with_name("own_nested.py")
TEXTS = ["하나 둘 Three", None, "raise", "lie", "", "아버지가 방에 들어가신다."]


def write_config(directory: Path) -> Path:
    """Write server.toml and the modules; return the former.

    The analyzers are `own`, `other` with other settings, and `single`, which has one operation.
    """
    shutil.copy(MODULE, directory / "measures.py")
    shutil.copy(NESTED_MODULE, directory / "nesting.py")
    config = directory / "server.toml"
    config.write_text(
        '[pool]\nworkers = 1\n[cache]\nsize_bytes = 0\n[analyzers.own]\nengine = "python:measures:load"\n'
        '[analyzers.other]\nengine = "python:measures:load"\nsettings = { long = 3 }\n'
        '[analyzers.single]\nengine = "python:nesting:load"\n'
    )
    return config


def size_of(text: str, long: int = 10) -> dict:
    """Return what `size` answers."""
    return {"label": "long" if len(text) >= long else "short", "code_points": len(text), "share": len(text) / long}


def write_next_version(directory: Path) -> Path:
    """Write the same with an `own.size` of another type, and an `own` without `words`; return server.toml."""
    config = write_config(directory)
    source = MODULE.read_text(encoding="utf-8")
    newer = source.replace('("share", pa.float64())', '("share", pa.float32())')
    newer = newer.replace('"words": Operation(words,', '"parts": Operation(words,')
    (directory / "measures.py").write_text(newer, encoding="utf-8")
    return config


def own_analyzers() -> tuple[AnalyzerInfo, ...]:
    """Return what the catalogue of the service says of the analyzers, but for their versions."""
    modules = {"own": MODULE, "other": MODULE, "single": NESTED_MODULE}
    infos = {
        name: FunctionEngine(EngineSpec(name, f"python:tests.fakes.{module.stem}:load")).info
        for name, module in modules.items()
    }
    return tuple(
        AnalyzerInfo(name, info.fingerprint, info.engine, info.model, info.options, (), info.operations, "")
        for name, info in infos.items()
    )

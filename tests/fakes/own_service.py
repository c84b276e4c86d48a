"""The configuration of a service of functions of one's own, with their modules beside it."""

import shutil
from pathlib import Path

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

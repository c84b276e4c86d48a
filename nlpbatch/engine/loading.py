"""Finds and loads an engine by the name that the configuration gives.

- `kiwi` and `mecab` are part of this package.
- `python:package.module:factory` is a function of one's own, see `engine.functions`.
- Any other name is an entry point of the group `nlpbatch.engines`, which an installed package declares:

      [project.entry-points."nlpbatch.engines"]
      name = "package.module:Engine"

  It is called with the `EngineSpec` and returns an `Engine`.
"""

import importlib
import sys
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, cast

from nlpbatch.engine.protocol import Engine, EngineInfo, EngineSpec
from nlpbatch.errors import ConfigError

GROUP: Final = "nlpbatch.engines"
PYTHON: Final = "python:"
_BUILT_IN: Final = {"kiwi": "nlpbatch.engine.kiwi:KiwiEngine", "mecab": "nlpbatch.engine.mecab:MecabEngine"}
_TASKS: Final = Path("/proc/self/task")


def load(spec: EngineSpec) -> Engine:
    """Return the loaded engine.

    Raises:
        ConfigError: There is no engine of that name, it can't be imported, or it doesn't take the settings.

    """
    if spec.directory and spec.directory not in sys.path:
        sys.path.insert(0, spec.directory)
    if spec.engine.startswith(PYTHON):
        from nlpbatch.engine.functions import FunctionEngine  # noqa: PLC0415  (only for those who use it)

        return FunctionEngine(spec)
    make = _maker(spec.engine)
    engine = make(spec)
    if not isinstance(getattr(engine, "info", None), EngineInfo) or not callable(getattr(engine, "performer", None)):
        raise ConfigError(
            f"engine {spec.engine!r} is a {type(engine).__name__} without info and performer: "
            "return an engine as nlpbatch.engine.protocol has it"
        )
    return cast("Engine", engine)


def import_object(where: str) -> Any:
    """Return what `package.module:name` names.

    Raises:
        ConfigError: There is no such module or name, or its import fails.

    """
    module, colon, name = where.partition(":")
    if not module or not colon or not name:
        raise ConfigError(f"{where!r} names no factory: write python:package.module:factory")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"there is no module {error.name!r}, which {where} needs: install it beside this service, "
            "or put it into the directory of server.toml"
        ) from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{module} can't be imported: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ConfigError(f"{module} has no {name!r}: write the name of the factory after the last colon") from None
    return found


def check_one_thread() -> None:
    """Refuse an engine that has started threads: a fork copies only the thread that calls it.

    Raises:
        ConfigError: This process has several threads.

    """
    python_s = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    count = len(list(_TASKS.iterdir())) if _TASKS.exists() else 1 + len(python_s)
    if count == 1:
        return
    named = f" ({', '.join(python_s)[:200]})" if python_s else ""
    raise ConfigError(
        f"the engine has started {count - 1} threads while it was loaded{named}, and workers are forked from this "
        "process, without them: start none before the first document, for numerical libraries with OMP_NUM_THREADS=1 "
        "and OPENBLAS_NUM_THREADS=1 in the service's environment"
    )


def _maker(name: str) -> Callable[[EngineSpec], Any]:
    if name in _BUILT_IN:
        try:
            return cast("Callable[[EngineSpec], Any]", import_object(_BUILT_IN[name]))
        except ConfigError as error:
            raise ConfigError(f"{error.message} (engine {name!r}: pip install 'nlpbatch[{_EXTRAS[name]}]')") from error
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join((*_BUILT_IN, *sorted(found)))
        raise ConfigError(
            f"there is no engine {name[:80]!r}: choose from {known}, install the package that has it, "
            "or write python:package.module:factory for a function of your own"
        )
    return cast("Callable[[EngineSpec], Any]", import_object(found[name].value))


_EXTRAS: Final = {"kiwi": "server", "mecab": "mecab"}

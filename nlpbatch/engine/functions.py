"""Functions of one's own as an engine: anything that takes a text and returns a dictionary or a list of them.

In `server.toml`:

    [analyzers.mood]
    engine = "python:mood:load"
    settings = { threshold = 0.5 }

and in `mood.py`, installed or beside `server.toml`:

    import pyarrow as pa
    from nlpbatch.engine.functions import Functions, Operation

    def load(threshold: float) -> Functions:
        def judge(text: str) -> dict:
            score = …
            return {"label": "good" if score > threshold else "bad", "score": score}

        result = pa.struct([("label", pa.string()), ("score", pa.float32())])
        return Functions({"judge": Operation(judge, result, "whether a text is in a good mood")})

The factory runs once, before the workers are forked: what it loads is shared by all of them. It must not start threads.
Texts come as they were sent, without normalisation.
"""

import hashlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from nlpbatch.engine.fingerprint import fingerprint
from nlpbatch.engine.loading import PYTHON, import_object
from nlpbatch.engine.operations import Analysed, Perform
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.results import WrongResult, checker
from nlpbatch.engine.sources import Sources, Unchanged, sources_of, version
from nlpbatch.errors import ConfigError
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import OfferedOperation
from nlpbatch.wire.options import OPERATIONS, Options
from nlpbatch.wire.outcome import ANALYSIS_FAILED, DocumentError
from nlpbatch.wire.results import check_result_type, type_to_json

_MAX_OPERATIONS: Final = 100
_MAX_MEANING: Final = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """A function that can be called for each text.

    Args:
        function: Takes a text and returns a value of the type; it may raise, which is the error of that text.
        returns: A struct of Arrow or a list of structs, of string, bool, int32, int64, float32, float64, and lists and
            structs of these. A struct is a dictionary with all its members, each of which may be None.
        meaning: One line for people, in the catalogue and on `/docs`.

    """

    function: Callable[[str], Any]
    returns: pa.DataType
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Functions:
    """What a factory returns.

    Args:
        operations: By their names.
        files: Files and directories that were read, such as a model: their content is part of the fingerprint.
        packages: Names of installed packages whose versions decide results, beside those that the sources import.

    """

    operations: Mapping[str, Operation]
    files: Sequence[str | Path] = ()
    packages: Sequence[str] = ()


class FunctionEngine:
    """Functions of one's own, loaded.

    Raises:
        ConfigError: The factory can't be imported, raises, or returns what can't be served.

    """

    def __init__(self, spec: EngineSpec) -> None:
        where = spec.engine.removeprefix(PYTHON)
        before = frozenset(sys.modules)
        factory = import_object(where)
        functions = _called(factory, where, spec.load)
        self._performers = {name: _performer(name, one) for name, one in functions.operations.items()}
        module = where.partition(":")[0]
        sources = sources_of(module, before)
        sys.meta_path.insert(0, Unchanged(sources))
        self.info = _info(spec, module, functions, sources)

    def performer(self, options: Options) -> Perform:
        """Return the function that calls an operation."""
        return self._performers[options.called]


def _called(factory: Any, where: str, settings: Mapping[str, Any]) -> Functions:
    if not callable(factory):
        raise ConfigError(f"{where} is a {type(factory).__name__}: name a function that returns Functions")
    try:
        inspect.signature(factory).bind(**settings)
    except TypeError as error:
        raise ConfigError(f"{where} doesn't take these settings: {error}: change settings of the analyzer") from None
    except ValueError:
        pass  # some builtins have no signature; the call below says the same
    try:
        functions = factory(**settings)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{where} raised {type(error).__name__}: {error}") from error
    if not isinstance(functions, Functions):
        raise ConfigError(f"{where} returned a {type(functions).__name__}: return nlpbatch.engine.functions.Functions")
    if not 0 < len(functions.operations) <= _MAX_OPERATIONS:
        raise ConfigError(f"{where} has {len(functions.operations)} operations: return 1 to {_MAX_OPERATIONS}")
    for name, operation in functions.operations.items():
        _check(name, operation)
    return functions


def _check(name: Any, operation: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise ConfigError(f"an operation is named {name!r}: name it with letters, digits and _, such as judge")
    if name in OPERATIONS:
        raise ConfigError(f"an operation is named {name!r}, as one of this service's own: give it another name")
    if not isinstance(operation, Operation) or not callable(operation.function):
        raise ConfigError(f"operation {name} is a {type(operation).__name__}: make it an Operation with a function")
    if len(operation.meaning) > _MAX_MEANING:
        raise ConfigError(
            f"operation {name}: its meaning has {len(operation.meaning)} characters: {_MAX_MEANING} at most"
        )
    try:
        check_result_type(operation.returns)
    except ConfigError as error:
        raise ConfigError(f"operation {name}: {error.message}") from error


def _performer(name: str, operation: Operation) -> Perform:
    function, check = operation.function, checker(operation.returns)

    def perform(content: Any) -> Analysed:
        result = function(content.text)
        try:
            return Analysed(result=check(result))
        except WrongResult as error:
            message = f"{name} returned what it doesn't declare: {error}: report it to the operator of the service"
            return Analysed(error=DocumentError(ANALYSIS_FAILED, message))

    return perform


def _info(spec: EngineSpec, module: str, functions: Functions, sources: Sources) -> EngineInfo:
    operations = tuple(
        OfferedOperation(name, media.CALL_PATH, one.meaning, type_to_json(one.returns))
        for name, one in functions.operations.items()
    )
    settings = {
        "load": dict(spec.load),
        "sources": sources.hashes,
        "files": _hashes(functions.files),
        "packages": sources.packages | {name: version(name) for name in functions.packages},
        "operations": {one.name: one.result for one in operations},
    }
    model = _package_of(module)
    return EngineInfo(spec.engine, model, fingerprint(engine=spec.engine, model=model, settings=settings), operations)


def _hashes(paths: Sequence[str | Path]) -> dict[str, str]:
    """Return the hash of each file, by its name below the path that was given."""
    try:
        return {
            f"{number}:{file.relative_to(Path(path).parent)}": hashlib.sha256(file.read_bytes()).hexdigest()
            for number, path in enumerate(paths)  # two may have one name
            for file in _files(Path(path))
        }
    except OSError as error:
        raise ConfigError(
            f"{error.filename}: can't be read: {error.strerror}: name files that the functions read"
        ) from error


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def _package_of(module: str) -> str:
    """Return name and version of the installed package that has the module, '' for a module that is a file only."""
    top = module.partition(".")[0]
    packages = importlib.metadata.packages_distributions().get(top, [])
    return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in dict.fromkeys(packages))

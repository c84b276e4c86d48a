"""The sources and packages behind functions of one's own, whose content decides results: for the fingerprint.

Sources are those of the factory's package and of what lies beside it, as far as they were loaded or an import names
them, also one within a function, which happens at the first text only. Of a directory that packages were installed
into, only the factory's own package counts. Beside these, the packages that these sources import count by version.
"""

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final, Self

from nlpbatch.errors import ConfigError

_INSTALLED: Final = {"site-packages", "dist-packages"}
_OURS: Final = {"nlpbatch", "pyarrow"}
"""What every function needs: the results of few depend on their version, and these can name them."""


@dataclass(slots=True)
class Sources:
    """What the factory's module consists of.

    Attributes:
        hashes: Of each source, by the name of its module.
        packages: Versions of the installed packages that the sources import, by their names.

    """

    hashes: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)


def sources_of(module: str, before: frozenset[str]) -> Sources:
    """Return the sources of a module that has been imported.

    Args:
        module: Its name.
        before: The names of the modules that were loaded before it was imported.

    Raises:
        ConfigError: A source can't be read.

    """
    found = Sources()
    distributions = importlib.metadata.packages_distributions()
    home = _Home.of(module, distributions)
    if home is None:
        return found
    waiting = dict(home.loaded(before))
    imported: set[str] = set()
    while waiting:
        name, file = waiting.popitem()
        content = _read(name, file)
        found.hashes[name] = hashlib.sha256(content).hexdigest()
        for other in _imports(content, name, is_package=file.stem == "__init__") if file.suffix == ".py" else ():
            imported.add(other.partition(".")[0])
            where = home.find(other)
            if where is not None and other not in found.hashes:
                waiting.setdefault(other, where)
    tops = imported - sys.stdlib_module_names - _OURS - set(found.hashes)
    packages = {package for top in tops for package in distributions.get(top, ())}
    found.packages = {package: version(package) for package in sorted(packages)}
    return found


class Unchanged:
    """Refuses to import a source that has changed since its version was stated; to be put first in `sys.meta_path`.

    It is about sources that aren't loaded yet. Workers import them, and would mix two versions in one output.
    """

    def __init__(self, sources: Sources) -> None:
        self._hashes = {name: stated for name, stated in sources.hashes.items() if name not in sys.modules}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Leave the import to the other finders.

        Raises:
            ImportError: The source has changed.

        """
        del target
        if (stated := self._hashes.get(name)) is None:
            return
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            return  # the other finders say so, or find it in a ZIP file
        if hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest() != stated:
            raise ImportError(f"{spec.origin} has changed since the service was started: restart it", name=name)


def version(package: str) -> str:
    """Return the version of an installed package.

    Raises:
        ConfigError: It isn't installed.

    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(f"package {package!r} is not installed: name packages as pip does") from None


@dataclass(frozen=True, slots=True)
class _Home:
    """Where the factory's module lies.

    Args:
        root: The directory that has its top-level package or module.
        top: The name of that.
        tops: The top-level names that belong to it; None for all that lie there.

    """

    root: Path
    top: str
    tops: frozenset[str] | None

    @classmethod
    def of(cls, module: str, distributions: Mapping[str, list[str]]) -> Self | None:
        file, parts = _file(module), module.split(".")
        if file is None:
            return None  # built into Python
        top, root = parts[0], file.parents[len(parts) - 1 + (file.stem == "__init__")]
        if root.name not in _INSTALLED and not any(root.glob("*.dist-info")):
            return cls(root, top, None)
        own = set(distributions.get(top, ()))
        return cls(root, top, frozenset({top, *(name for name, those in distributions.items() if own & set(those))}))

    def loaded(self, before: frozenset[str]) -> Iterator[tuple[str, Path]]:
        """Yield names and files of the modules that belong to it and are loaded."""
        for name in list(sys.modules):
            file = _file(name)
            if file is not None and self._has(name, file):
                is_named = name.partition(".")[0] in (self.tops or {self.top})
                if is_named or name not in before:
                    yield name, file

    def find(self, module: str) -> Path | None:
        """Return the file of a module that belongs to it, loaded or not."""
        place = self.root.joinpath(*module.split("."))
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if self._has(module, file) and file.is_file():
                return file
        return None

    def _has(self, module: str, file: Path) -> bool:
        top = module.partition(".")[0]
        if top in _OURS or not file.is_relative_to(self.root):
            return False
        if self.tops is not None:
            return top in self.tops
        return _INSTALLED.isdisjoint(file.relative_to(self.root).parts)


def _file(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if isinstance(file, str) else None


def _read(module: str, file: Path) -> bytes:
    """Return a source, which may be in a ZIP file."""
    try:
        return file.read_bytes()
    except OSError as error:
        loader = getattr(sys.modules.get(module), "__loader__", None)
        try:
            return bytes(loader.get_data(str(file)))  # type: ignore[union-attr]
        except (AttributeError, OSError):
            raise ConfigError(
                f"{file}, the source of {module}, can't be read: {error.strerror}: it is part of the version"
            ) from error


def _imports(content: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the modules that a source imports, wherever it does, with the packages that they are in."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return  # whoever imports it will hear of it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package=is_package)
            for alias in node.names:
                # Whether this is a module or something in one shows when it is looked for.
                yield from _with_parents(f"{base}.{alias.name}" if base else alias.name)


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """Return the name of what is imported from, which may be relative to the module's package."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    package = parts[: len(parts) - node.level + is_package]
    return ".".join((*package, *(node.module.split(".") if node.module else ())))


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])

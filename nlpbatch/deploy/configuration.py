"""Which files of this machine a service's configuration needs, by their names in the archive that containers get."""

from collections.abc import Iterable
from pathlib import Path

from nlpbatch.deploy.specification import PROXY_FILE, SERVER_FILE
from nlpbatch.errors import ConfigError
from nlpbatch.server.config import ServerSettings
from nlpbatch.serving.settings import load

_OWN = "python:"


def configuration_files(server: Path, extra: Iterable[Path] = (), proxy: Path | None = None) -> dict[str, Path]:
    """Return the files: the configuration, its dictionaries, the sources of its own functions, and what is added.

    Args:
        server: A `server.toml`; what it names must lie beside or below it, as the containers have a copy.
        extra: More files and directories beside or below it.
        proxy: A `proxy.toml`.

    Raises:
        ConfigError: The configuration is wrong, names a file that lies elsewhere, or one isn't there.

    """
    base = server.parent.resolve()
    files = {SERVER_FILE: server}
    if proxy is not None:
        files[PROXY_FILE] = proxy
    for name, analyzer in load(server, ServerSettings).analyzers.items():
        for dictionary in analyzer.dictionaries:
            files |= _beside(base, base / dictionary, f"{server}: analyzers.{name}.dictionaries")
        if analyzer.engine.startswith(_OWN):
            files |= _sources(base, analyzer.engine)
    for path in extra:
        files |= _beside(base, path.resolve(), "--file")
    return files


def extras_for(server: Path) -> str:
    """Return the extras of nlpbatch that a configuration's analyzers need.

    Raises:
        ConfigError: The configuration is wrong.

    """
    engines = {one.engine for one in load(server, ServerSettings).analyzers.values()}
    return "server,mecab" if "mecab" in engines else "server"


def _sources(base: Path, engine: str) -> dict[str, Path]:
    """Return the module of an engine if it lies beside the configuration; it may be an installed one."""
    module = engine.removeprefix(_OWN).partition(":")[0].partition(".")[0]
    found = [path for path in (base / f"{module}.py", base / module) if path.exists()]
    return {path.name: path for path in found}


def _beside(base: Path, path: Path, what: str) -> dict[str, Path]:
    if not path.exists():
        raise ConfigError(f"{what}: there is no {path}")
    if not path.resolve().is_relative_to(base):
        raise ConfigError(f"{what}: {path} is outside of {base}, whose files containers get: move it there")
    return {str(path.resolve().relative_to(base)): path}

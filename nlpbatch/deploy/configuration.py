"""Which files of this machine a service's configuration needs, by their names in the archive that containers get."""

import os
from collections.abc import Iterable
from pathlib import Path

from nlpbatch.deploy.specification import PROXY_FILE, SERVER_FILE
from nlpbatch.errors import ConfigError
from nlpbatch.server.config import ServerSettings
from nlpbatch.serving.settings import load, parse

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
    base = server.parent
    files = {SERVER_FILE: server}
    settings = load(server, ServerSettings)
    if "name" in parse(server).get("registration", {}):
        raise ConfigError(
            f"{server}: registration.name is set: each container registers under its own id, leave it out"
        )
    if proxy is not None:
        files[PROXY_FILE] = proxy
    for name, analyzer in settings.analyzers.items():
        for dictionary in analyzer.dictionaries:
            files |= _beside(base, Path(dictionary), f"{server}: analyzers.{name}.dictionaries")
        if analyzer.engine.startswith(_OWN):
            files |= _sources(base, analyzer.engine)
    for path in extra:
        # As it is typed, that is from where the command runs; in the archive as it lies beside server.toml.
        files |= _beside(base, Path(os.path.relpath(path.absolute(), base.absolute())), "--file")
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
    """Return a file by its name in the configuration, which may be a link to anywhere."""
    if path.is_absolute() or ".." in path.parts:
        raise ConfigError(f"{what}: {path} is outside of {base}, whose files containers get: move it there, or link it")
    if not (base / path).exists():
        raise ConfigError(f"{what}: there is no {base / path}")
    return {str(path): base / path}

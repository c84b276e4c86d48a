"""Packs what a container needs into archives: the installed packages with Kiwi's model, and a configuration.

    api-1.0.0-1a2b3c4d5e6f.tar.gz
        start.py      what a container runs
        python.json   which Python packed it: packages need that one, or a newer patch of it
        site/         the packages, at a place of their own, so that no path of this machine is in them

The same packages give the same bytes, whenever they are packed: what is there already need not be sent again.
"""

import gzip
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nlpbatch
from nlpbatch.errors import ConfigError

_START: Final = Path(__file__).with_name("start.py")
_LEVEL: Final = 1
"""Of gzip: a third of the default's time, for 4 % more bytes (measured on these packages)."""
_CHUNK: Final = 1 << 20
_SHOWN: Final = 600


def pack_packages(target: Path, extras: str) -> None:
    """Write the archive of nlpbatch as it is installed here, without what the given extras don't need.

    Args:
        target: The file to write.
        extras: Of nlpbatch, such as `server,mecab`.

    Raises:
        ConfigError: pex isn't installed, a package can't be packed, or the file can't be written.

    """
    with tempfile.TemporaryDirectory(prefix="nlpbatch-deploy-") as directory:
        tree = Path(directory) / "archive"
        tree.mkdir()
        _collect(tree / "site", extras)
        # By hash, never looked at: the files get one time for all, and containers may not write.
        command = [
            sys.executable,
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
            str(tree / "site"),
        ]
        subprocess.run(command, check=False, capture_output=True)  # a package's own test data need not be Python
        shutil.copyfile(_START, tree / "start.py")
        (tree / "python.json").write_text(
            json.dumps(this_python() | {"nlpbatch": nlpbatch.__version__, "extras": extras})
        )
        _write(target, {".": tree})


def pack_files(target: Path, files: Mapping[str, Path]) -> None:
    """Write an archive of files, and directories with all that is in them, by their names in it.

    Raises:
        ConfigError: One can't be read, or the archive can't be written.

    """
    _write(target, files)


def this_python() -> dict[str, Any]:
    """Return what says of a Python which packages it can load; `start` reads it."""
    return {"version": list(sys.version_info[:3]), "machine": platform.machine(), "system": sys.platform}


def python_of(archive: Path) -> Mapping[str, Any]:
    """Return which Python an archive was packed by.

    Raises:
        ConfigError: It can't be read, or is no archive of `pack_packages`.

    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name == "python.json" and (file := tar.extractfile(member)) is not None:
                    return dict(json.load(file))
    except OSError as error:
        raise ConfigError(f"{archive} can't be read: {error.strerror or error}") from error
    except (tarfile.TarError, EOFError, ValueError):
        pass
    raise ConfigError(
        f"{archive} is no archive of nlpbatch: name a file that isn't there yet, to have one packed there"
    )


def content_hash(file: Path) -> str:
    """Return what names a file's content, 12 characters."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:12]


def _collect(site: Path, extras: str) -> None:
    """Copy the installed packages, whether or not this is a virtual environment; nothing is fetched."""
    command = [sys.executable, "-m", "pex.cli", "venv", "create", "--layout", "flat", "-d", str(site)]
    command += [f"nlpbatch[{extras}]", "--venv-repository", sys.prefix]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named pex" in done.stderr:
        raise ConfigError("packing needs pex: pip install 'nlpbatch[deploy]', or name an archive with --archive")
    if done.returncode:
        raise ConfigError(f"pex can't pack {sys.prefix}: {' '.join(done.stderr.split())[-_SHOWN:]}")


def _write(target: Path, files: Mapping[str, Path]) -> None:
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as zipped:
            _write_tar(zipped, files)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{error.filename or target} can't be packed: {error.strerror}") from error


def _write_tar(file: gzip.GzipFile, files: Mapping[str, Path]) -> None:
    with tarfile.open(fileobj=file, mode="w|", bufsize=_CHUNK) as tar:
        for name, path in sorted(files.items()):
            for found in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if not found.is_dir():
                    inside = Path(name) / found.relative_to(path) if found != path else Path(name)
                    tar.add(found.resolve(), str(inside), filter=_anybody)  # a link may point out of the archive


def _anybody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member

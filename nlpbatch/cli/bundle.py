"""`nlpbatch bundle`: the zip of pure Python that executors get with `--py-files`.

Each module is in it twice, as bytecode of the Python that wrote the zip and as source. Python takes the bytecode if it
is of its own version. Otherwise every worker compiles the source, because a zip is no place to keep bytecode.
"""

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from nlpbatch.errors import ConfigError

_EXCLUDED = (
    "nlpbatch/airflow/",
    "nlpbatch/cli/",
    "nlpbatch/demo/",
    "nlpbatch/deploy/",
    "nlpbatch/doctor/",
    "nlpbatch/engine/",
    "nlpbatch/files/",
    "nlpbatch/pipelines/",
    "nlpbatch/schedule/",
    "nlpbatch/server/",
    "nlpbatch/serving/",
    "nlpbatch/__main__.py",
)
_ASYNCIO_CLIENT = (
    "nlpbatch/client/aio.py",
    "nlpbatch/client/aio_answering.py",
    "nlpbatch/client/aio_operations.py",
    "nlpbatch/client/aio_tables.py",
    "nlpbatch/client/aiohttp_transport.py",
)
_PACKAGES = ("nlpbatch", "tenacity", "urllib3")
_PAGE = ("nlpbatch/profile/page.css", "nlpbatch/profile/page.js")
"""Style and script of reports, which drivers make."""
# Zip's own epoch: the same content gives the same bytes, whenever it is made.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "bundle",
        help="write the zip that executors need",
        description="Write the zip of pure Python for spark-submit --py-files.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.zip", help="file to write")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and print how to use it."""
    size_bytes = write_bundle(arguments.output)
    print(
        f"{arguments.output}: {size_bytes / 1024:,.0f} KiB; use it with spark-submit --py-files {arguments.output}",
        file=sys.stderr,
    )
    return 0


def write_bundle(target: Path) -> int:
    """Write the zip and return its bytes; the same installed packages give the same file.

    Raises:
        ConfigError: The file can't be written, or a package isn't pure Python.

    """
    files = [file for package in _PACKAGES for file in _files(package)]
    with tempfile.TemporaryDirectory(prefix="nlpbatch-bundle-") as directory:
        tree = Path(directory)
        for name, path in files:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, tree / name)
        _compile(tree)
        try:
            _zip(tree, target)
        except OSError as error:
            raise ConfigError(f"{target} can't be written: {error.strerror}: choose another path with -o") from error
    return target.stat().st_size


def _compile(tree: Path) -> None:
    """Write bytecode beside each source, valid without being compared with it."""
    # In a process of its own: the bytes depend on what else a process has loaded.
    options = ("-q", "-b", "--invalidation-mode", "unchecked-hash", "-s", str(tree))
    subprocess.run([sys.executable, "-I", "-m", "compileall", *options, str(tree)], check=True)


def _zip(tree: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), _TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _files(package: str) -> Iterator[tuple[str, Path]]:
    """Yield the name in the zip and the path of every Python file of an installed package, sorted."""
    module = importlib.import_module(package)
    root = Path(str(module.__file__)).parent
    for path in sorted(root.rglob("*")):
        name = f"{package}/{path.relative_to(root).as_posix()}"
        if path.suffix in {".so", ".pyd"}:
            raise ConfigError(
                f"{name} is compiled, executors get pure Python only: install the pure wheel of {package}"
            )
        is_python = path.suffix in {".py", ".typed"} and not name.startswith((*_EXCLUDED, *_ASYNCIO_CLIENT))
        if is_python or name in _PAGE:
            yield name, path

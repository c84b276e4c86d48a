"""A Python that has some packages and nothing else, as nodes of a cluster have it."""

import venv
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def python_with(directory: Path, names: Iterable[str]) -> Path:
    """Return the executable of a virtual environment made of links: no pip, no network, exactly these packages.

    What of them isn't installed here is left out: some are needed by some versions of others only.
    """
    venv.create(directory, with_pip=False, symlinks=True)
    (packages,) = directory.glob("lib/python3*/site-packages")
    for name in names:
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        for entry in {Path(str(file)).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            (packages / entry).symlink_to(found.locate_file(entry))
    return directory / "bin" / "python"

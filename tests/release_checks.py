"""What must hold before files are a release; `bin/release` runs it in the exported source.

    python -m tests.release_checks DIRECTORY [--draft]

Ends with 1 and a line for each fault. The metadata's checks are those of the package index (packaging.metadata).
"""

import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.metadata import Metadata

import nlpbatch
from nlpbatch.wire.contract import CONTRACT_VERSION
from tests.fakes.wire_contract import RECORD, contract_today, differences, read_record

ROOT = Path(__file__).parents[1]
IMAGES = ("conf/deploy/Containerfile", "conf/deploy/compose.yaml", "conf/deploy/kubernetes/base/kustomization.yaml")


def faults_of_source(root: Path, *, draft: bool) -> Iterator[str]:
    """Yield where the version isn't the same, and where the contract isn't the recorded one."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if nlpbatch.__version__ != version:
        yield f"pyproject.toml has version {version}, nlpbatch/__init__.py {nlpbatch.__version__}: make them the same"
    for name in IMAGES:
        for found in re.findall(r'(?:nlpbatch-\w+:|newTag: ")(\d[\w.]*)', (root / name).read_text()):
            if found != version:
                yield f"{name} names an image {found}, the version is {version}: make them the same"
    changelog = (root / "CHANGELOG.md").read_text()
    if not draft and not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        yield f"CHANGELOG.md has no section ## [{version}] - YYYY-MM-DD: rename Unreleased, and begin a new one"
    if f"version {CONTRACT_VERSION} of the contract" not in changelog:
        yield f"CHANGELOG.md doesn't mention version {CONTRACT_VERSION} of the contract: say what is new in it"
    if any(differences(read_record(), contract_today())):
        yield f"the contract isn't that of {RECORD.name}: run tests/unit/wire/test_contract.py"
    if int(version.partition(".")[0]) < int(CONTRACT_VERSION.partition(".")[0]):
        yield f"version {version} has a contract of {CONTRACT_VERSION}: raise the major version"


def faults_of_files(directory: Path, version: str) -> Iterator[str]:
    """Yield what is wrong with the files that were built."""
    wanted = {f"nlpbatch-{version}{end}" for end in (".tar.gz", "-py3-none-any.whl", "-executors.zip")}
    found = {path.name for path in directory.iterdir()}
    if wanted != found:
        yield f"built {sorted(found)}, wanted {sorted(wanted)}"
        return
    with zipfile.ZipFile(directory / f"nlpbatch-{version}-py3-none-any.whl") as wheel:
        yield from _faults_of_metadata("wheel", wheel.read(f"nlpbatch-{version}.dist-info/METADATA"), version)
        odd = [name for name in wheel.namelist() if name.endswith((".pyc", ".so")) or name.startswith("tests/")]
        if odd:
            yield f"the wheel has {odd[0]}, which doesn't belong there"
    with tarfile.open(directory / f"nlpbatch-{version}.tar.gz") as sdist:
        info = sdist.extractfile(f"nlpbatch-{version}/PKG-INFO")
        yield from _faults_of_metadata("sdist", b"" if info is None else info.read(), version)
    with zipfile.ZipFile(directory / f"nlpbatch-{version}-executors.zip") as bundle:
        names = set(bundle.namelist())
        missing = {"nlpbatch/spark/task.py", "nlpbatch/spark/task.pyc", "urllib3/__init__.py"} - names
        if missing:
            yield f"the executors' bundle lacks {sorted(missing)}"


def _faults_of_metadata(what: str, text: bytes, version: str) -> Iterator[str]:
    try:
        metadata = Metadata.from_email(text, validate=True)
    except ExceptionGroup as group:
        yield from (f"{what}: {error}" for error in group.exceptions)
        return
    if str(metadata.version) != version:
        yield f"{what}: its metadata has version {metadata.version}, the source {version}"
    if not metadata.description or metadata.description_content_type != "text/markdown":
        yield f"{what}: its metadata has no README"


def main(arguments: list[str]) -> int:
    """Print the faults; return 1 if there are any."""
    directory, *options = arguments
    faults = [
        *faults_of_source(ROOT, draft="--draft" in options),
        *faults_of_files(Path(directory), nlpbatch.__version__),
    ]
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

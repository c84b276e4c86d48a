import ast
import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from nlpbatch.cli import bundle, main
from nlpbatch.cli.bundle import write_bundle
from nlpbatch.errors import ConfigError

NEVER_ON_EXECUTORS = ["aiohttp", "kiwipiepy", "numpy", "pandas", "prometheus_client", "pydantic", "rich"]
RECIPE = "nlpbatch.recipe"
EXPLORING = (
    "nlpbatch.profile",
    "nlpbatch.sampling",
    *(f"{RECIPE}.{name}" for name in ("feature_columns", "report", "sampled")),
)
"""What drivers import if nlpbatch[explore] is installed there."""


@pytest.fixture(scope="module")
def zip_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    write_bundle(path)
    return path


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A folder with what an executor has installed: pyspark, py4j and pyarrow, nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    installed = Path(pa.__file__).parents[1]
    for package in ("pyarrow", "pyspark", "py4j"):
        (folder / package).symlink_to(installed / package)
    return folder


def in_bare_interpreter(zip_file, bare, code):
    """Run the code with the standard library, the zip and the bare folder, without site-packages and environment."""
    prelude = f"import sys; sys.path[:0] = {[str(zip_file), str(bare)]!r}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", prelude + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_contains_pure_python_only(zip_file):
    with zipfile.ZipFile(zip_file) as archive:
        assert {Path(name).suffix for name in archive.namelist()} == {".py", ".pyc", ".typed", ".css", ".js"}
        assert archive.testzip() is None


def test_it_contains_the_client_the_spark_part_and_their_two_libraries(zip_file):
    with zipfile.ZipFile(zip_file) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} == {"nlpbatch", "tenacity", "urllib3"}
    assert {"nlpbatch/client/sync.py", "nlpbatch/spark/task.py", "nlpbatch/wire/arrow.py"} <= names
    folders = {name.split("/")[1] for name in names if name.startswith("nlpbatch/") and name.count("/") > 1}
    assert folders == {"alerts", "client", "formats", "kiwi", "profile", "recipe", "sampling", "spark", "wire"}


def test_it_reads_as_python_3_10_and_takes_newer_names_from_one_place(zip_file):
    newer = {"Self", "Unpack", "UTC", "StrEnum", "NotRequired", "Required", "assert_never", "LiteralString", "tomllib"}
    newer |= {"Never", "TypeVarTuple", "ExceptionGroup", "BaseExceptionGroup", "TaskGroup", "override", "batched"}
    homes = {"nlpbatch/older_python.py", "nlpbatch/toml.py"}
    found = []
    with zipfile.ZipFile(zip_file) as archive:
        for name in archive.namelist():
            if not name.startswith("nlpbatch/") or not name.endswith(".py"):
                continue
            for node in ast.walk(ast.parse(archive.read(name), name, feature_version=(3, 10))):
                imported = isinstance(node, ast.Import | ast.ImportFrom) and {one.name for one in node.names} & newer
                own = isinstance(node, ast.ImportFrom) and node.module == "nlpbatch.older_python"
                used = isinstance(node, ast.TryStar) or (isinstance(node, ast.Attribute) and node.attr == "add_note")
                if name not in homes and ((imported and not own) or used):
                    found.append((name, node.lineno))
    assert found == []


def test_the_same_packages_give_the_same_bytes(zip_file, tmp_path):
    write_bundle(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == zip_file.read_bytes()


def test_every_module_is_in_it_as_bytecode_and_as_source(zip_file):
    with zipfile.ZipFile(zip_file) as archive:
        names = set(archive.namelist())
        flags = {archive.read(name)[:8] for name in names if name.endswith(".pyc")}
    assert {name.removesuffix("c") for name in names if name.endswith(".pyc")} == {
        name for name in names if name.endswith(".py")
    }
    unchecked = (1).to_bytes(4, "little")
    assert flags == {importlib.util.MAGIC_NUMBER + unchecked}


@pytest.mark.parametrize("is_of_this_python", [True, False])
def test_an_interpreter_of_another_version_compiles_the_source(zip_file, tmp_path, is_of_this_python):
    given = tmp_path / "given.zip"
    with zipfile.ZipFile(zip_file) as archive, zipfile.ZipFile(given, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            is_foreign = name.endswith(".pyc") and not is_of_this_python
            other.writestr(name, b"\0\0\r\n" + content[4:] if is_foreign else content)
    code = "import nlpbatch.client.sync as sync; print(sync.Client.__init__.__code__.co_filename)"
    file = in_bare_interpreter(given, tmp_path, code).strip()
    assert file == ("" if is_of_this_python else f"{given}/") + "nlpbatch/client/sync.py"


def test_a_bare_interpreter_imports_the_client_from_it(zip_file, tmp_path):
    code = "import nlpbatch, json\nprint(json.dumps([nlpbatch.Client.__module__, nlpbatch.__file__]))"
    module, file = json.loads(in_bare_interpreter(zip_file, tmp_path, code))
    assert module == "nlpbatch.client.sync"
    assert file.startswith(str(zip_file))


def test_a_bare_executor_imports_the_spark_part_from_it_and_nothing_that_it_has_not(zip_file, bare):
    code = (
        "import json, nlpbatch.spark, nlpbatch.spark.job\n"
        f"print(json.dumps([nlpbatch.spark.__file__, sorted(set(sys.modules) & set({NEVER_ON_EXECUTORS!r}))]))"
    )
    file, unwanted = json.loads(in_bare_interpreter(zip_file, bare, code))
    assert file.startswith(str(zip_file))
    assert unwanted == []


def test_every_module_in_it_can_be_imported(zip_file, bare):
    """What nobody imports today still must not break the executor that does tomorrow; but drivers that explore."""
    with zipfile.ZipFile(zip_file) as archive:
        files = [name for name in archive.namelist() if name.startswith("nlpbatch/") and name.endswith(".py")]
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files]
    modules = [module for module in modules if not module.startswith(EXPLORING)]
    code = f"import importlib\nfor module in {modules!r}: importlib.import_module(module)\nprint(module)"
    assert len(modules) > 25
    assert in_bare_interpreter(zip_file, bare, code).strip() == modules[-1]


def test_the_spark_part_imports_nothing_of_the_servers_even_where_it_is_installed():
    # pyspark and pyarrow themselves use numpy and pandas where they find them.
    unwanted = set(NEVER_ON_EXECUTORS) - {"numpy", "pandas"}
    code = f"import sys, json, nlpbatch.spark.job; print(json.dumps(sorted(set(sys.modules) & {unwanted!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_command_writes_it_and_says_what_to_do_with_it(tmp_path, capsys):
    assert main(["bundle", "-o", str(tmp_path / "b.zip")]) == 0
    assert zipfile.is_zipfile(tmp_path / "b.zip")
    assert f"use it with spark-submit --py-files {tmp_path / 'b.zip'}" in capsys.readouterr().err


def test_a_path_that_cannot_be_written_is_a_config_error(tmp_path, capsys):
    assert main(["bundle", "-o", str(tmp_path / "nowhere" / "b.zip")]) == 2
    assert "can't be written: No such file or directory: choose another path with -o" in capsys.readouterr().err


def test_a_compiled_library_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    package = tmp_path / "compiled_library"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "fast.cpython-311-x86_64-linux-gnu.so").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(bundle, "_PACKAGES", ("nlpbatch", "compiled_library"))
    with pytest.raises(ConfigError, match=r"fast.*is compiled.*install the pure wheel of compiled_library"):
        write_bundle(tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()

import json
import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

LIBRARY = Path(pyspark.__file__).parent / "python" / "lib"
ZIPS = [str(path) for path in sorted(LIBRARY.glob("*.zip"))]


def imported_from(path, code):
    """Return which files PySpark and py4j are imported from after some code, with the path that Spark would set."""
    code += "\nimport json, py4j, pyspark; print(json.dumps([pyspark.__file__, py4j.__file__]))"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("spelled", [lambda path: path, lambda path: path.replace("/lib/", "/./lib/../lib/")])
def test_a_script_imports_pyspark_from_its_folder(spelled):
    for file in imported_from([spelled(path) for path in ZIPS], "import nlpbatch.spark"):
        assert ".zip" not in file


def test_without_it_the_zips_come_first():
    for file in imported_from(ZIPS, ""):
        assert ".zip/" in file


def test_zips_whose_folder_is_not_on_the_path_stay(tmp_path):
    elsewhere = tmp_path / "pyspark" / "python" / "lib"
    elsewhere.mkdir(parents=True)
    for path in ZIPS:
        (elsewhere / Path(path).name).symlink_to(path)
    for file in imported_from([str(path) for path in elsewhere.iterdir()], "import nlpbatch.spark"):
        assert file.startswith(str(elsewhere))


def test_what_is_imported_already_stays():
    assert all(".zip/" in file for file in imported_from(ZIPS, "import pyspark, py4j, nlpbatch.spark"))

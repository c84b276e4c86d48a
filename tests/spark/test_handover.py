"""Features as trainers get them: the snippets of docs/recipes.md, run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nlpbatch.recipe import Recipe, RecipeRun, RunOptions

DOCS = Path(__file__).parents[2] / "docs" / "recipes.md"
ROWS = 300


@pytest.fixture(scope="module")
def folder(spark, stack, reviews, tmp_path_factory):
    """Return a directory with features of some reviews."""
    directory, source = tmp_path_factory.mktemp("handover"), tmp_path_factory.mktemp("source") / "in.parquet"
    pq.write_table(pq.read_table(reviews).slice(0, ROWS).rename_columns({"rating": "label"}), source)
    sections = {
        "source": {"files": str(source)},
        "analyze": {"columns": ["review"]},
        "features": {"id": "review_id", "label": "label"},
        "sink": {"path": str(directory)},
    }
    options = RunOptions(service=stack.service, api_key=stack.api_key)
    RecipeRun(spark, Recipe.check(sections), options, lambda _: None).run()
    return directory


def snippet(title):
    """Return the code that stands under a line of the documentation."""
    text = DOCS.read_text(encoding="utf-8").partition(f"{title}:\n\n")[2]
    return "\n".join(line.removeprefix("    ") for line in re.match(r"(?: {4}.*\n|\n)+", text)[0].splitlines())


def said(folder, code):
    """Return what code prints that runs in the directory."""
    settings = {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_hugging_face_datasets_load_all_parts(folder):
    code = snippet("Hugging Face datasets") + "\nprint(*sorted(reviews), sum(map(len, reviews.values())))"
    code += "\nprint(*sorted(reviews['train'].column_names))"
    assert said(folder, code) == [
        *("test", "train", "validation", str(ROWS)),
        *("label", "review_id", "sequence", "terms"),
    ]


def test_sparse_matrices_hold_the_terms_of_the_training_part(folder):
    code = "import pyarrow.dataset as ds\n" + snippet("scikit-learn and others that take sparse matrices")
    code += "\nimport json\nlines = open('features/_nlpbatch/vocabulary.jsonl', encoding='utf-8').read().splitlines()"
    code += "\nassert matrix.shape == (len(terms), len(lines))"
    code += "\nrow = terms[7].as_py()\nassert matrix[7].nnz == len(row['indices']) > 0"
    code += "\nassert sorted(matrix[7].indices.tolist()) == sorted(row['indices'])\nprint('same')"
    assert said(folder, code) == ["same"]

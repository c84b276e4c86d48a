"""Whether a run has nothing to do, known from its records and a list of files: none is opened, no service is asked."""

import json
from collections.abc import Container, Iterable, Mapping
from typing import Any

from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.budget import too_many_errors
from nlpbatch.spark.runs.identity import RunFile
from nlpbatch.spark.runs.layout import SUCCESS
from nlpbatch.spark.storage import Storage


def is_begun_alike(output: Storage, run_file: RunFile, given: Mapping[str, Any]) -> bool:
    """Return whether all that an output's input held was done once, by a job with the same options.

    Args:
        output: The output.
        run_file: What it says of itself.
        given: Options of a job that decide what an output is.

    """
    same = run_file.given == json.loads(json.dumps(given))
    return same and output.exists(SUCCESS)  # there is none while a micro-batch is under way


def has_all(output: Storage, files: Iterable[str], max_error_ratio: float | None) -> bool:
    """Return whether an output was made of all these files, and no more of its rows failed than may."""
    records = list(Batches(output).records())
    done: Container[str] = {path for record in records for path in record.files}
    rows, dead = sum(record.rows for record in records), sum(record.dead for record in records)
    return all(path in done for path in files) and too_many_errors(dead, rows, max_error_ratio) is None

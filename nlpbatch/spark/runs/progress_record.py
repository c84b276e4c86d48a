"""Writes how far a run is into its output, for those who look at the records while it runs."""

import json

from nlpbatch.spark.progress import Progress, Show
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.layout import PROGRESS
from nlpbatch.spark.storage import Storage


def progress_recorder(output: Storage) -> Show:
    """Return a function that replaces the record by the present progress."""

    def record(progress: Progress) -> None:
        members = {
            "at": now_text(),
            "rows": progress.rows,
            "rows_total": progress.rows_total,
            "share": round(progress.share, 4),
            "seconds": round(progress.seconds, 1),
            "left_s": None if progress.left_s is None else round(progress.left_s, 1),
            "throttled": round(progress.throttled, 3),
        }
        output.rewrite_text(PROGRESS, json.dumps(members) + "\n")

    return record

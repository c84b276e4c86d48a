"""Files that people have, each written with the tool that makes it, and what a reader has to make of them.

A case writes its files into an empty folder and returns the rows that the tool itself reads there. Jobs, samples and
recipes are held against the same table, so that two readers of one file agree. Each module enters its cases.
"""

from tests.fakes.odd_files import columns, csv_files, damaged, encodings, json_files, names, typed_files
from tests.fakes.odd_files.table import CASES, KOREAN, several

__all__ = [
    "CASES",
    "KOREAN",
    "columns",
    "csv_files",
    "damaged",
    "encodings",
    "json_files",
    "names",
    "several",
    "typed_files",
]

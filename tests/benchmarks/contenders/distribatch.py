"""Whether distribatch can do this work: it says which jobs the installed version has."""

import json
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the package's name

import distribatch

KNOWN = {"BaseJob", "EmbedJob", "GenerateJob", "TranscribeJob"}
"""Embeddings, text of language models, and speech. Its engines are a fixed table; none runs a function of one's own."""
jobs = {name for name in distribatch.__all__ if name.endswith("Job")}
reason = f"version {distribatch.__version__} has {', '.join(sorted(jobs))}"
more = jobs - KNOWN
print(
    json.dumps(
        {"unavailable": f"{reason}: {'look at ' + ', '.join(sorted(more)) if more else 'none analyses morphemes'}"}
    )
)

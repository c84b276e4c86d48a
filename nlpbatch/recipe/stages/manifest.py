"""The file beside rows that a stage has written, which says what they are; it is written last."""

import json
from collections.abc import Mapping
from typing import Any, Final

from nlpbatch.spark.storage import Storage

MANIFEST: Final = "_manifest.json"


def write_manifest(storage: Storage, directory: str, manifest: Mapping[str, Any]) -> None:
    """Write it into a directory."""
    storage.write_text(f"{directory}/{MANIFEST}", json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")

"""One hash over everything that decides results, so that equal fingerprints mean equal tokens."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from nlpbatch.engine import normalise, split

RULES: Final = {"normalisation": normalise.RULE, "splitting": split.RULE}


def fingerprint(*, engine: str, model: str, settings: Mapping[str, Any]) -> str:
    """Return 32 hex digits over engine and model version, settings and the rules applied around the engine.

    Args:
        engine: Name and version, such as "kiwipiepy 0.24.1".
        model: Name and version of the model data.
        settings: JSON values; the order of keys doesn't matter.

    """
    content = {"engine": engine, "model": model, "settings": settings, "rules": RULES}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]

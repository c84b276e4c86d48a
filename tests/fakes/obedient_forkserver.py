"""`python -m tests.fakes.obedient_forkserver`: the real forkserver with an engine that loads at once and obeys texts.

The analyzer called `broken` can't be loaded. OBEDIENT_MODEL in the environment stands for another model on disk.
"""

import os
import sys
from dataclasses import replace

from nlpbatch.engine import forkserver
from nlpbatch.engine.protocol import EngineSpec
from tests.fakes.engine import ObedientEngine


def load(spec: EngineSpec) -> ObedientEngine:
    """Return the engine that takes Kiwi's place."""
    if spec.name == "broken":
        raise ValueError("there is no such option")
    engine = ObedientEngine()
    if model := os.environ.get("OBEDIENT_MODEL"):
        engine.info = replace(engine.info, model=model, fingerprint=model.ljust(32, "0"))
    return engine


if __name__ == "__main__":
    forkserver.load = load
    sys.exit(forkserver.main())

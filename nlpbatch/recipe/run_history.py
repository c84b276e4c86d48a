"""The last runs of a recipe's output, in one small file: for those who compare durations and figures.

As the record of the run that is under way, it is for looking only: one that can't be read is begun again, and one that
can't be written stops nothing. Who writes it holds the output's lease.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from nlpbatch.alerts.alert import numbers
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.outcomes import StageOutcome
from nlpbatch.recipe.records import RECORDS
from nlpbatch.spark.storage import Storage

HISTORY: Final = f"{RECORDS}/history.json"
VERSION: Final = 1
MAX_RUNS: Final = 50
_SAME: Final = ("recipe", "application", "variables", "started_at", "ended_at", "state", "reason", "on_sample")
"""Members that a run has in the history as in its own record."""


class RunHistory:
    """The last 50 runs of one output, the latest last.

    Args:
        base: The recipe's output.

    """

    def __init__(self, base: Storage) -> None:
        self._base = base

    def add(self, run: Mapping[str, Any], outcomes: Sequence[StageOutcome]) -> None:
        """Add a run that has ended.

        Args:
            run: Its record, as it is in `run.json`.
            outcomes: Its stages that ended.

        """
        stages = {
            one.stage: {"state": one.state, "seconds": one.seconds, "figures": numbers(one.result)} for one in outcomes
        }
        errors = next((dict(one.result.get("errors") or {}) for one in outcomes if one.stage == "analyze"), {})
        entry = {name: run[name] for name in _SAME if name in run}
        entry |= {"only": run.get("only"), "stages": stages, "errors": errors}
        runs = [*self._runs(), entry][-MAX_RUNS:]
        with suppress(ConfigError):
            self._base.write_text(
                HISTORY, json.dumps({"version": VERSION, "runs": runs}, ensure_ascii=False, indent=1) + "\n"
            )

    def _runs(self) -> list[Any]:
        try:
            found = json.loads(self._base.read_text(HISTORY)) if self._base.exists(HISTORY) else {}
            return list(found["runs"]) if found.get("version") == VERSION else []
        except (ConfigError, ValueError, KeyError, TypeError, AttributeError):
            return []

"""Records what a run of a recipe is at: its stages, the one under way, how it ended, and what is stale after it.

It is for those who look (`nlpbatch runs`); nothing is decided by it. So a record that can't be written stops nothing.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from nlpbatch.errors import ConfigError, NlpbatchError, OutputInUse
from nlpbatch.recipe.outcomes import StageOutcome
from nlpbatch.recipe.records import RECORDS, changes
from nlpbatch.recipe.run_history import RunHistory
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages.stage import Stage
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.storage import Storage

_RUN: Final = f"{RECORDS}/run.json"


class RunRecord:
    """The record of one run.

    Args:
        base: The recipe's output.
        options: How it is run.
        stages: All of the recipe, in order.
        application: Spark's id of the application.
        variables: Values of the recipe's placeholders.

    """

    def __init__(
        self,
        base: Storage,
        options: RunOptions,
        stages: Sequence[Stage],
        *,
        application: str,
        variables: Mapping[str, str],
    ) -> None:
        self._base = base
        self._stages = stages
        self._history = RunHistory(base)
        self._keep_lost()
        names = {stage.name for stage in stages}
        graph = [{"name": one.name, "needs": [need for need in one.needs if need in names]} for one in stages]
        self._members: dict[str, Any] = {
            "recipe": options.name,
            "only": options.stage,
            "on_sample": options.on_sample,
            "application": application,
            "variables": dict(variables),
            "stages": graph,
            "started_at": now_text(),
        }

    def at(self, stage: str) -> None:
        """Say which stage begins."""
        self._write(stage=stage, state="running")

    def ended(self, error: BaseException | None, outcomes: Sequence[StageOutcome]) -> None:
        """Say how the run ended, and keep it among the last runs; the stage that it was at stays named if that failed.

        Args:
            error: What stopped it; None if nothing did.
            outcomes: The stages that ended.

        """
        if isinstance(error, OutputInUse):
            return  # the record is another driver's
        if error is None:
            self._write(stage=None, state="complete", ended_at=now_text(), stale=self._stale())
        else:
            reason = error.message if isinstance(error, NlpbatchError) else type(error).__name__
            self._write(state="failed", ended_at=now_text(), reason=reason, stale=self._stale())
        self._history.add(self._members, outcomes)

    def _keep_lost(self) -> None:
        """Keep a run among the last ones that ended without saying so: its lease is ours now."""
        with suppress(ConfigError, ValueError, AttributeError):
            before = json.loads(self._base.read_text(_RUN)) if self._base.exists(_RUN) else {}
            if before.get("state") == "running":
                self._history.add({**before, "state": "lost"}, ())

    def _stale(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for stage in self._stages:
            with suppress(NlpbatchError):
                record = stage.record()
                if record is not None and stage.state() == "stale":
                    found[stage.name] = "; ".join(changes(record, stage.settings()))
        return found

    def _write(self, **members: Any) -> None:
        self._members |= members
        with suppress(ConfigError):
            self._base.write_text(_RUN, json.dumps(self._members, ensure_ascii=False, indent=2) + "\n")

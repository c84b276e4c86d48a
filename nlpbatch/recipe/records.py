"""What has been done of a recipe: a record for each stage, and whether the stage is up to date.

A stage's key is a hash of everything that decides its result: its own settings, and the keys and results of the stages
before it. If the key is the same, there is nothing to do; if it differs, the stage is stale. A record is deleted before
the result it describes is replaced, and written when the new result is complete, so that it never describes a result
that doesn't exist.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from nlpbatch.errors import ConfigError
from nlpbatch.older_python import Self
from nlpbatch.spark.storage import Storage

RECORDS: Final = "_recipe"
LEASE: Final = f"{RECORDS}/lease"
STAGING: Final = f"{RECORDS}/staging"
"""Where a result is made, before it is moved to its place."""
State = Literal["done", "stale", "to do"]
_BEFORE: Final = ("dump", "sample", "join", "clean", "analyze")
"""Members of a stage's settings that describe the stages before it."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage that was done.

    Args:
        stage: Its name.
        key: What decided its result, hashed.
        settings: The same, to say what has changed.
        ended_at: ISO 8601, UTC.
        seconds: What it took.
        result: What is reported of it, and what later stages depend on.
        variables: Values of the recipe's placeholders.

    """

    stage: str
    key: str
    settings: Mapping[str, Any]
    ended_at: str
    seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, sink: Storage, stage: str) -> Self | None:
        """Return the record of a stage; None if it was never done.

        Raises:
            ConfigError: It is damaged, or of another version.

        """
        name = f"{RECORDS}/{stage}.json"
        if not sink.exists(name):
            return None
        try:
            found = cls(**json.loads(sink.read_text(name)))
        except (ValueError, TypeError):
            found = None
        if found is None or not (isinstance(found.settings, Mapping) and isinstance(found.result, Mapping)):
            raise ConfigError(
                f"{sink.within(name)} is damaged, or of another version: delete it, and {stage} is made again"
            )
        return found

    def write(self, sink: Storage) -> None:
        """Write it."""
        sink.write_text(f"{RECORDS}/{self.stage}.json", json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n")


def withdraw(sink: Storage, stage: str) -> None:
    """Delete the record of a stage."""
    sink.delete(f"{RECORDS}/{stage}.json")


def key_of(settings: Mapping[str, Any]) -> str:
    """Return the key of everything that decides a result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def state_of(record: StageRecord | None, settings: Mapping[str, Any]) -> State:
    """Return whether a stage has to be done."""
    if record is None:
        return "to do"
    return "done" if record.key == key_of(settings) else "stale"


def changes(record: StageRecord, settings: Mapping[str, Any]) -> list[str]:
    """Return what has changed since a stage was done, in words."""
    now = json.loads(json.dumps(settings))
    names = dict.fromkeys((*record.settings, *now))
    return [
        f"{name} was {_shown(record.settings.get(name))}, is {_shown(now.get(name))}"
        if name not in _BEFORE
        else f"{name} was run again"
        for name in names
        if record.settings.get(name) != now.get(name)
    ]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004

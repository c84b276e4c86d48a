"""What all rows of an output have in common, and a later start must not change."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from nlpbatch.errors import ConfigError
from nlpbatch.older_python import Self
from nlpbatch.spark.runs.layout import RUN
from nlpbatch.spark.storage import Storage
from nlpbatch.wire.options import Options

_CALLED = "called"
_REMEDY = (
    "choose another output, use the settings it was created with, or write a new version beside it with --reprocess"
)


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What makes two starts one run.

    Args:
        input: What is read.
        format: In which format.
        reader: Options of its reader.
        text: Columns that are analysed.
        asked: What is asked of each text, without defaults.
        schema: The input's columns, as Spark writes types.
        fingerprint: The analyzer's version; all rows have the same.
        where: Condition that the rows met; None for all rows.
        table: The table that has the rows; None if the output itself has them.

    """

    input: str
    format: str
    reader: Mapping[str, str]
    text: tuple[str, ...]
    asked: Mapping[str, Any]
    schema: str
    fingerprint: str
    where: str | None = None
    table: str | None = None

    def options(self) -> Options:
        """Return what is asked of each text.

        Raises:
            InvalidRequest, UnknownField: Another version of nlpbatch knew an option that this one doesn't.

        """
        members = dict(self.asked)
        operation = members.pop("operation", "analyze")
        called = {"operation": members.pop(_CALLED)} if _CALLED in members else {}
        return Options.checked(operation, members | called)

    def is_same(self, other: "RunIdentity") -> bool:
        """Return whether nothing differs, the version included."""
        return self.fingerprint == other.fingerprint and not self.differences(other)

    def differences(self, other: "RunIdentity") -> list[str]:
        """Return what differs, in words; the version is left out, because it is pinned."""
        names = [item.name for item in fields(self) if item.name != "fingerprint"]
        return [
            f"{name} was {_shown(getattr(self, name))}, is {_shown(getattr(other, name))}"
            for name in names
            if _plain(getattr(self, name)) != _plain(getattr(other, name))
        ]


@dataclass(frozen=True, slots=True)
class RunFile:
    """What `_nlpbatch/run.json` holds.

    Args:
        run: Name of the run, under which the proxy counts its requests over all attempts.
        identity: What the output is.
        nlpbatch: The version that created it.
        created_at: When, ISO 8601.
        given: The options that decide what the output is, as the caller gave them.

    """

    run: str
    identity: RunIdentity
    nlpbatch: str
    created_at: str
    given: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, output: Storage) -> Self:
        """Return what the output's file says.

        Raises:
            ConfigError: It can't be read.

        """
        try:
            members = json.loads(output.read_text(RUN))
            given = members["identity"]
            identity = RunIdentity(**given | {"text": tuple(given["text"])})
            return cls(members["run"], identity, members["nlpbatch"], members["created_at"], members.get("given", {}))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{output.within(RUN)} can't be read ({error!r}): choose another output") from error

    def write(self, output: Storage) -> None:
        """Write the file."""
        output.write_text(RUN, json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n")

    def check(self, now: RunIdentity, output: Storage) -> None:
        """Refuse to resume with another input, other columns or other options.

        Raises:
            ConfigError: Naming all that differs.

        """
        differences = self.identity.differences(now)
        if differences:
            raise ConfigError(
                f"output {output.url} was created with different settings: {'; '.join(differences)}: {_REMEDY}"
            )


def identified(asked: Options, analyzer: str) -> dict[str, Any]:
    """Return what is asked of each text as an identity holds it."""
    members = asked.to_members()
    if asked.operation == "call":  # whose option `operation` is the analyzer's own
        members[_CALLED] = members.pop("operation", "")
    operation = {} if asked.operation == "analyze" else {"operation": asked.operation}
    return {"analyzer": analyzer, **members, **operation}


def new_name(output: Storage) -> str:
    """Return a unique name for a run; it starts with the output's name, so that operators recognise it."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", output.url.rstrip("/").rpartition("/")[2])[:40]
    return f"{readable}-{uuid.uuid4().hex[:12]}"


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

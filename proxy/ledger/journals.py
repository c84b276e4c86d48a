"""All journals in a directory: this process's own, and those that dead processes have left."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from nlpbatch.errors import ConfigError
from proxy.ledger.journal import Journal

_TRIES: Final = 10
_FOLDER: Final = "journals"


class Journals:
    """The directory.

    Args:
        directory: `ledger.directory`.
        on_error: Called when a file can't be written or read.

    """

    def __init__(self, directory: Path, on_error: Callable[[], None]) -> None:
        self._folder = directory / _FOLDER
        self._on_error = on_error

    def create(self) -> Journal:
        """Return a journal for this process, which no other process has.

        Raises:
            ConfigError: The directory can't be written to.

        """
        reason: str | None = None
        for _ in range(_TRIES):
            try:
                return Journal.create(self._folder / uuid.uuid4().hex[:16], self._on_error)
            except BlockingIOError:  # another process took it for one that was left
                continue
            except OSError as error:
                reason = error.strerror
        raise ConfigError(
            f"ledger.directory {self._folder.parent} can't be written to: {reason}: "
            "create it for the user that runs the proxy, or correct the path"
        )

    def abandoned(self, own: str | None) -> Iterator[Journal]:
        """Yield the journals of dead processes, each of them locked for the time that it is used.

        Args:
            own: Id of this process's own journal.

        """
        for name in self._names():
            if name == own:
                continue
            journal = Journal.adopt(self._folder / name, self._on_error)
            if journal is None:
                continue
            if journal.left() or not journal.is_refused:
                yield journal
            else:
                journal.close(remove=False)

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError):
            return sorted(path.name for path in self._folder.iterdir())
        return []

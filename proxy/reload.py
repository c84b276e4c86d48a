"""Takes over the configuration file when it changes, or on SIGHUP.

A bad file changes nothing, and all its faults are logged. Nothing that happens in a reload ends the watcher.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from nlpbatch.errors import ConfigError
from proxy.config import NEEDS_RESTART, ProxySettings

_log = logging.getLogger("nlpbatch.proxy")
_POLL_S: Final = 0.5


class ReloadObserver(Protocol):
    """Shows what became of the file."""

    def configured(self, generation: int, *, valid: bool, faults: Sequence[str] = ()) -> None:
        """Show how often the configuration was taken over, and whether it was this time, or why not."""
        ...


class Reloadable(Protocol):
    """What takes settings over while it runs."""

    @property
    def metrics(self) -> ReloadObserver:
        """Return where to show it."""
        ...

    @property
    def settings(self) -> ProxySettings:
        """Return those in force."""
        ...

    @property
    def generation(self) -> int:
        """Return how many have been in force."""
        ...

    async def adopt(self, settings: ProxySettings) -> None:
        """Take these over as a whole, or raise and change nothing."""
        ...


async def reload_forever(target: Reloadable, path: Path, read: Callable[[], ProxySettings]) -> None:
    """Watch the file: its content, since editors replace files and mounted ones are swapped behind links.

    Args:
        target: What takes the settings over.
        path: The file.
        read: Returns the settings in it.

    """
    hangup = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError):  # no signals here: the file is still watched
        loop.add_signal_handler(signal.SIGHUP, hangup.set)
    adopted = before = _read(path)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await hangup.wait()
        asked = hangup.is_set()
        hangup.clear()  # before the file is read: a signal during the reload asks for another one
        content = _read(path)
        # The same twice: a file that is still being written may be valid already, and lack half of its tenants.
        if content is not None and ((content != adopted and content == before) or asked):
            adopted = content
            await reload(target, read)
        before = content


async def reload(target: Reloadable, read: Callable[[], ProxySettings]) -> bool:
    """Take the file over if nothing is wrong with it; return whether it was."""
    try:
        await _take_over(target, read())
    except ConfigError as error:
        return _refused(target, error.message.splitlines())
    except Exception as error:  # noqa: BLE001 - whatever a file makes a parser do, the proxy keeps what it has
        return _refused(target, [type(error).__name__])
    target.metrics.configured(target.generation, valid=True)
    return True


async def _take_over(target: Reloadable, settings: ProxySettings) -> None:
    kept = {name: getattr(target.settings, name) for name in NEEDS_RESTART}
    changed = [name for name in NEEDS_RESTART if getattr(settings, name) != kept[name]]
    if changed:
        _log.warning("restart for these", extra={"groups": changed})
    settings = settings.model_copy(update=kept)
    if settings != target.settings:
        await target.adopt(settings)
        _log.info("configuration taken over", extra={"generation": target.generation})


def _refused(target: Reloadable, faults: list[str]) -> bool:
    _log.error("configuration not taken over", extra={"faults": faults})
    target.metrics.configured(target.generation, valid=False, faults=faults)
    return False


def _read(path: Path) -> bytes | None:
    """Return what is in the file, None while it is being replaced."""
    try:
        return path.read_bytes()
    except OSError:
        return None

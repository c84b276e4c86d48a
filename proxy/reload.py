"""Takes over the configuration file when it changes, or on SIGHUP; a bad one changes nothing and is told whole."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from nlpbatch.errors import ConfigError
from nlpbatch.serving.tls import client_context
from proxy.config import ProxySettings
from proxy.metrics import Metrics

_log = logging.getLogger("nlpbatch.proxy")
_POLL_S: Final = 0.5
_FIXED: Final = ("listen", "admin")
"""Sockets that are open: these keep what they had."""


class Reloadable(Protocol):
    """What takes settings over while it runs."""

    settings: ProxySettings
    generation: int
    metrics: Metrics

    async def adopt(self, settings: ProxySettings) -> None:
        """Go by these settings from now on."""
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
        content = _read(path)
        # The same twice: a file that is still being written may be valid already, and lack half of its tenants.
        if content is not None and ((content != adopted and content == before) or hangup.is_set()):
            adopted = content
            await reload(target, read)
        before = content
        hangup.clear()


async def reload(target: Reloadable, read: Callable[[], ProxySettings]) -> bool:
    """Take the file over if nothing is wrong with it; return whether it was."""
    try:
        settings = read()
        client_context(settings.upstream.ca_file)
    except ConfigError as error:
        return _refused(target, error.message.splitlines())
    except Exception as error:  # noqa: BLE001 - whatever a file makes a parser do, the proxy goes on with what it has
        return _refused(target, [type(error).__name__])
    kept = {name: getattr(target.settings, name) for name in _FIXED}
    changed = [name for name in _FIXED if getattr(settings, name) != kept[name]]
    if changed:
        _log.warning("restart for these", extra={"groups": changed})
    settings = settings.model_copy(update=kept)
    if settings != target.settings:
        await target.adopt(settings)
        _log.info("configuration taken over", extra={"generation": target.generation})
    target.metrics.configured(target.generation, valid=True)
    return True


def _refused(target: Reloadable, faults: list[str]) -> bool:
    _log.error("configuration not taken over", extra={"faults": faults})
    target.metrics.configured(target.generation, valid=False)
    return False


def _read(path: Path) -> bytes | None:
    """Return what is in the file, None while it is being replaced."""
    try:
        return path.read_bytes()
    except OSError:
        return None

"""Runs a server in an event loop: uvloop's where it is installed, which costs less per request, else asyncio's own."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, get_args

from nlpbatch.errors import ConfigError

LoopName = Literal["asyncio", "uvloop"]
LOOP_VARIABLE: Final = "NLPBATCH_LOOP"
"""Names the environment variable that chooses an event loop."""
_YOUNG_OBJECTS: Final = 10_000
"""Objects that are made before cyclic garbage is looked for. Requests leave next to none; with Python's 700, a tenth of
the time went into looking."""


def run_in_loop(main: Coroutine[Any, Any, None], chosen: str | None) -> None:
    """Run a server until it ends.

    Args:
        main: The server.
        chosen: The value of `NLPBATCH_LOOP`: `asyncio`, `uvloop`, or nothing for the faster one that is installed.

    Raises:
        ConfigError: There is no such event loop, or it isn't installed.

    """
    try:
        factory = loop_factory(chosen)
    except ConfigError:
        main.close()  # it will never run
        raise
    gc.freeze()  # what has been imported stays
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def loop_factory(chosen: str | None) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the function that makes the event loop.

    Raises:
        ConfigError: As for `run_in_loop`.

    """
    if chosen and chosen not in get_args(LoopName):
        raise ConfigError(
            f"{LOOP_VARIABLE} = {chosen[:80]!r}: no such event loop: choose from {', '.join(get_args(LoopName))}, "
            "or unset it"
        )
    if chosen == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop  # noqa: PLC0415  (not every platform has it)
    except ImportError:
        if chosen:
            raise ConfigError(
                f"{LOOP_VARIABLE} = 'uvloop': uvloop is not installed: pip install uvloop, or unset it"
            ) from None
        return asyncio.new_event_loop
    return uvloop.new_event_loop

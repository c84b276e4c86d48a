"""What trials share: a service with a limit on texts, one without, and the bundle."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nlpbatch.cli.bundle import write_bundle
from nlpbatch.cli.stack import Stack, StackOptions

_STRICT = "log_level = 'warning'\n[limits]\ntext_bytes = 100_000\n[cache]\nsize_bytes = 0\n"
_GENEROUS = "log_level = 'warning'\n"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What trials share.

    Args:
        strict: API and proxy with a limit on texts.
        generous: The same without it.
        bundle: The zip that drivers and executors get.
        directory: Where trials write.

    """

    strict: Stack
    generous: Stack
    bundle: Path
    directory: Path


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """Give the surroundings for the time of the context."""
    with tempfile.TemporaryDirectory(prefix="nlpbatch-compatibility-") as name:
        place = Path(name)
        write_bundle(place / "nlpbatch.zip")
        (place / "strict.toml").write_text(_STRICT, encoding="utf-8")
        (place / "generous.toml").write_text(_GENEROUS, encoding="utf-8")
        options = [StackOptions(workers=1, server_config=place / f"{kind}.toml") for kind in ("strict", "generous")]
        with Stack(options[0]) as strict, Stack(options[1]) as generous:
            yield Surroundings(strict, generous, place / "nlpbatch.zip", place)

"""Who takes part: how each one is started, which processes run the engine for it, and what it needs to be installed."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nlpbatch.cli.local_spark import spark_submit
from tests.fakes.no_cache import NO_CACHE

ROOT = Path(__file__).parents[3]
SCRIPTS = Path(__file__).parents[1] / "contenders"
KIWI_WORKERS = "kiwi workers"
BARE, JOB, UDF = "bare", "job", "udf"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a contender is given.

    Args:
        python: The interpreter that has what it needs.
        source: Directory of Parquet files.
        text: Their column of texts.
        target: Directory to write; it doesn't exist.
        cores: Worker processes, or tasks at a time.
        service: Address of a proxy that is its own, for those that are served.

    """

    python: Path
    source: Path
    text: str
    target: Path
    cores: int
    service: str | None

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return what most scripts take."""
        return str(self.source), self.text, str(self.target)


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them.

    Args:
        label: What it is, for people.
        command: What runs it; the last line of its output is JSON with documents, tokens and seconds.
        kiwi: The role of the processes that run Kiwi, or the other engine.
        is_served: Whether it needs API and proxy.
        needs: Packages that the project doesn't have.
        config: The API's configuration.
        min_cpu: Least CPU time, of that of the bare engine in the same round: whoever takes less hasn't analysed all.

    """

    label: str
    command: Callable[[Turn], list[str]]
    kiwi: str = KIWI_WORKERS
    is_served: bool = False
    needs: tuple[str, ...] = ()
    config: Path = NO_CACHE
    min_cpu: float = 0.5


def _bare(turn: Turn) -> list[str]:
    return [sys.executable, str(SCRIPTS / "bare.py"), str(turn.source), turn.text, str(turn.cores)]


def _job(turn: Turn) -> list[str]:
    options = ("--input", str(turn.source), "--text", turn.text, "--output", str(turn.target))
    return spark_submit(str(turn.cores), ROOT / "jobs" / "analyze.py", *options, "--service", str(turn.service))


def _udf(turn: Turn) -> list[str]:
    return spark_submit(str(turn.cores), SCRIPTS / "udf.py", *turn.arguments)


def _per_row(turn: Turn) -> list[str]:
    return spark_submit(str(turn.cores), SCRIPTS / "per_row.py", *turn.arguments, str(turn.service), "4")


def _aiohttp_client(turn: Turn) -> list[str]:
    in_flight = str(4 * turn.cores)
    return [sys.executable, str(SCRIPTS / "aiohttp_client.py"), *turn.arguments, str(turn.service), in_flight]


def _bare_mecab(turn: Turn) -> list[str]:
    return [sys.executable, str(SCRIPTS / "bare_mecab.py"), str(turn.source), turn.text, str(turn.cores)]


def _udf_mecab(turn: Turn) -> list[str]:
    return spark_submit(str(turn.cores), SCRIPTS / "udf_mecab.py", *turn.arguments)


def _ray_actors(turn: Turn) -> list[str]:
    return [str(turn.python), str(SCRIPTS / "ray_actors.py"), *turn.arguments, str(turn.cores)]


def _distribatch(turn: Turn) -> list[str]:
    return [str(turn.python), str(SCRIPTS / "distribatch.py")]


CONTENDERS: Mapping[str, Contender] = {
    BARE: Contender("Kiwi alone on all cores, neither Spark nor files", _bare, kiwi="python of bare"),
    JOB: Contender("Spark → proxy → API → Parquet", _job, is_served=True),
    UDF: Contender("Kiwi in every Python worker of Spark", _udf, kiwi="python of udf"),
    "per_row": Contender("Spark, one request a row", _per_row, is_served=True),
    "aiohttp": Contender("aiohttp and a semaphore, 64 texts a request", _aiohttp_client, is_served=True),
    "ray": Contender(
        "Kiwi in actors of Ray Data",
        _ray_actors,
        kiwi="ray workers",
        needs=("ray[data]", f"kiwipiepy=={version('kiwipiepy')}", f"kiwipiepy_model=={version('kiwipiepy_model')}"),
    ),
    "distribatch": Contender("distribatch", _distribatch, needs=("distribatch",)),
}


_MECAB_TOML = Path(__file__).with_name("mecab.toml")
_MECAB_MIN_CPU = 0.3
"""A worker of the API takes half of the CPU time of `MeCab().parse`, see `engine.mecab`."""
MECAB_CONTENDERS: Mapping[str, Contender] = {
    BARE: Contender("MeCab alone on all cores, neither Spark nor files", _bare_mecab, kiwi="python of bare"),
    JOB: Contender("Spark → proxy → API → Parquet", _job, is_served=True, config=_MECAB_TOML, min_cpu=_MECAB_MIN_CPU),
    UDF: Contender("MeCab in every Python worker of Spark", _udf_mecab, kiwi="python of udf"),
}
ENGINES: Mapping[str, Mapping[str, Contender]] = {"kiwi": CONTENDERS, "mecab": MECAB_CONTENDERS}


def role_of(name: str, command: list[str]) -> str:
    """Return the role of one of a contender's processes."""
    line = " ".join(command)
    if "engine.forkserver" in line:
        return KIWI_WORKERS
    if "java" in command[0]:
        return "spark jvm"
    if name == "ray":
        return "ray workers" if command[0].startswith("ray::") else "ray"
    return f"python of {name}"


def said(output: str) -> dict[str, float]:
    """Return what a contender's script has printed about itself; nothing if it prints no JSON."""
    lines = output.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines and lines[-1].startswith("{") else {}

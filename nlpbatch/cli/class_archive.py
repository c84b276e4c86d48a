"""`nlpbatch class-archive`: the classes of Spark as Java holds them in memory, in a file that later starts map.

A job loads 19,000 classes out of Spark's jars. Reading and checking them is a third of the time that a small job takes.
Java can keep the outcome in an archive (class data sharing), which one JVM writes at its end.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nlpbatch.cli.local_spark import class_archive, environment, spark_submit
from nlpbatch.cli.stack import Stack, StackOptions, stop_on_signals
from nlpbatch.errors import ConfigError, InternalError

_SHOWN_CHARACTERS = 2_000


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "class-archive",
        help="let Spark start sooner on this machine",
        description="Keep the classes of Spark in a file of about 200 MB, so that a job here takes 4 s less. "
        "nlpbatch run and demo use it from then on. Do it once for each version of Spark and Java; it takes a minute.",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.jsa", help="file to write (default: in the cache)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the archive, and print how to use it."""
    stop_on_signals()
    archive = arguments.output or class_archive()
    if archive is None:
        raise ConfigError("there is no Java: install one (apt-get install openjdk-17-jre-headless), or set JAVA_HOME")
    print("running a job whose classes are kept, about a minute …", file=sys.stderr, flush=True)
    size_bytes = make_archive(archive.resolve())
    print(
        f"{archive}: {size_bytes / 1_000_000:,.0f} MB; nlpbatch run and demo use the one in the cache, "
        f"spark-submit with --driver-java-options -XX:SharedArchiveFile={archive}",
        file=sys.stderr,
    )
    return 0


def make_archive(target: Path) -> int:
    """Run the demo's job, and write an archive of what it loaded; return the bytes of the file.

    The file appears when it is whole, because Java crashes on part of one.

    Raises:
        ConfigError: The file can't be written.
        InternalError: Spark failed, or wrote no archive.

    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.stem}-", dir=target.parent) as directory:
            made = Path(directory) / "classes.jsa"
            _train(Path(directory), made)
            with made.open("rb") as file:
                os.fsync(file.fileno())
            made.replace(target)
    except OSError as error:
        raise ConfigError(f"{target} can't be written: {error.strerror}: choose another path with -o") from error
    return target.stat().st_size


def _train(directory: Path, archive: Path) -> None:
    import jobs.analyze  # noqa: PLC0415  (needs the spark extra)
    from nlpbatch.demo.source import DOCUMENTS, to_parquet  # noqa: PLC0415

    parquet = directory / "documents.parquet"
    to_parquet(DOCUMENTS, "text", parquet)
    options = ("--input", str(parquet), "--text", "text", "--output", str(directory / "output"))
    with Stack(StackOptions(workers=1)) as stack:
        command = spark_submit(
            *("2", Path(str(jobs.analyze.__file__)), *options, "--service", stack.service),
            classes=[f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:disable"],
        )
        done = subprocess.run(
            command, env=environment(stack.api_key), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not archive.is_file():
        said = done.stdout.decode(errors="replace").strip()[-_SHOWN_CHARACTERS:]
        raise InternalError(f"Spark ended with exit code {done.returncode} and no archive of its classes: {said}")

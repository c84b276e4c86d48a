"""The `nlpbatch` command: one file per subcommand, each with `add_parser`."""

import argparse
from collections.abc import Sequence

import nlpbatch
from nlpbatch.cli import (
    analyze,
    analyzers,
    bundle,
    calling,
    class_archive,
    composing,
    demo,
    deploy,
    doctor,
    plan,
    profile_corpus,
    proxy,
    run,
    runs,
    sample,
    scale,
    schedule,
    serve,
    up,
)
from nlpbatch.program import run_program


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command; `run(args) -> int` is set by each subcommand."""
    parser = argparse.ArgumentParser(
        prog="nlpbatch", description="Korean morphological analysis through one central API."
    )
    parser.add_argument("--version", action="version", version=f"nlpbatch {nlpbatch.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        up,
        analyze,
        composing,
        calling,
        analyzers,
        sample,
        profile_corpus,
        run,
        runs,
        schedule,
        bundle,
        class_archive,
        plan,
        demo,
        doctor,
        serve,
        proxy,
        scale,
        deploy,
    ):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `nlpbatch.program` has them all."""

    def run_command() -> int:
        arguments = build_parser().parse_args(argv)
        return int(arguments.run(arguments))

    return run_program("nlpbatch", run_command)

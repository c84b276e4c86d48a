"""The `nlpbatch` command: one file per subcommand, each with `add_parser`."""

import argparse
from collections.abc import Sequence
from typing import Final

import nlpbatch
from nlpbatch.cli import (
    analyze,
    analyzers,
    bundle,
    calling,
    class_archive,
    completion,
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
    top,
    up,
)
from nlpbatch.program import run_program

_EXIT_CODES: Final = """exit codes of all commands:
  0    done, or the reader of the output has closed it
  1    failed; of texts, some document has an error; of --check, something is wrong
  2    wrong usage, configuration or request: the same command will fail again
  3    done, but somebody should look
  130  Ctrl-C"""
_SEE_EXIT_CODES: Final = "Exit codes: see nlpbatch --help."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command; `run(args) -> int` is set by each subcommand."""
    parser = argparse.ArgumentParser(
        prog="nlpbatch",
        description="Korean morphological analysis through one central API.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        completion,
        serve,
        proxy,
        top,
        scale,
        deploy,
    ):
        command.add_parser(commands)
    for leaf in completion.leaves(parser):
        if "exit code" not in (leaf.epilog or ""):
            leaf.epilog = f"{leaf.epilog}\n\n{_SEE_EXIT_CODES}" if leaf.epilog else _SEE_EXIT_CODES
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `nlpbatch.program` has them all."""

    def run_command() -> int:
        arguments = build_parser().parse_args(argv)
        return int(arguments.run(arguments))

    return run_program("nlpbatch", run_command)

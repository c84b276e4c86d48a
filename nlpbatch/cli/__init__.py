"""The `nlpbatch` command: one file per subcommand, each with `add_parser`."""

import argparse
import os
import sys
from collections.abc import Sequence

import nlpbatch
from nlpbatch.cli import (
    analyze,
    analyzers,
    bundle,
    composing,
    demo,
    plan,
    profile_corpus,
    proxy,
    run,
    sample,
    serve,
    up,
)
from nlpbatch.errors import ConfigError, NlpbatchError, RequestError

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command; `run(args) -> int` is set by each subcommand."""
    parser = argparse.ArgumentParser(
        prog="nlpbatch", description="Korean morphological analysis through one central API."
    )
    parser.add_argument("--version", action="version", version=f"nlpbatch {nlpbatch.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (up, analyze, composing, analyzers, sample, profile_corpus, run, bundle, plan, demo, serve, proxy):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 wrong usage, configuration or request."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        print(f"nlpbatch: {error.message}", file=sys.stderr)
        return 2
    except NlpbatchError as error:
        print(f"nlpbatch: {error.code}: {error.message}", file=sys.stderr)
        return 2 if isinstance(error, RequestError) else 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has left; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0

"""`nlpbatch completion`: the script that has a shell complete commands, options and file names."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

SHELLS: Final = ("bash", "zsh", "fish")
_EPILOG: Final = """once, for the shells that you open from then on:
  bash    nlpbatch completion bash > ~/.local/share/bash-completion/completions/nlpbatch
  zsh     nlpbatch completion zsh > "${fpath[1]}/_nlpbatch"
  fish    nlpbatch completion fish > ~/.config/fish/completions/nlpbatch.fish
for this one alone:
  eval "$(nlpbatch completion bash)"

The script is all that a shell reads: completing starts no Python. Write it again after an upgrade."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "completion",
        help="write a shell's completion of this command",
        description="Write the script that has a shell complete nlpbatch's commands, options and file names.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab  # noqa: PLC0415  (no other command needs it)

    from nlpbatch.cli import build_parser  # noqa: PLC0415  (it is made of this module, too)

    parser = build_parser()
    for action in actions(parser):
        if action.type is Path and not hasattr(action, "complete"):
            vars(action)["complete"] = shtab.FILE
    print(shtab.complete(parser, arguments.shell))
    return 0


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the options and arguments of a command and of all commands below it."""
    for one in parser._actions:  # noqa: SLF001  (argparse shows them nowhere else)
        yield one
        if isinstance(one, argparse._SubParsersAction):  # noqa: SLF001
            for below in one.choices.values():
                yield from actions(below)


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the commands that do something: those with a function to run."""
    if parser.get_default("run") is not None:
        yield parser
    for one in parser._actions:  # noqa: SLF001
        if isinstance(one, argparse._SubParsersAction):  # noqa: SLF001
            seen: set[Any] = set()
            for below in one.choices.values():
                if id(below) not in seen:
                    seen.add(id(below))
                    yield from leaves(below)

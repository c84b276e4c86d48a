"""Every command of the command line, and its options."""

from nlpbatch.cli import build_parser
from nlpbatch.cli.completion import leaves

COMMANDS = [leaf.prog.split()[1:] for leaf in leaves(build_parser())]
STARTS_SOMETHING = {
    "up": ["--port", "99999"],
    "demo": ["nowhere.parquet"],
    "run": ["nowhere.toml"],
    "serve": ["--config", "nowhere.toml"],
    "proxy serve": ["--config", "nowhere.toml"],
    "class-archive": ["--no-such-option"],
    "scale": ["--target", "none", "--config", "nowhere.toml"],
    "runs": ["--late", "1h"],
}
"""What keeps these from starting processes or serving, so that any other argument can be tried on them."""


def actions_of(command):
    leaf = next(leaf for leaf in leaves(build_parser()) if leaf.prog.split()[1:] == command)
    return leaf._actions

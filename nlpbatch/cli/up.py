"""`nlpbatch up`: API and proxy together on loopback, for development; a process that dies is restarted."""

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nlpbatch.cli.stack import Stack, StackOptions, stop_on_signals
from nlpbatch.errors import ConfigError

_PORT = 8700
_WATCH_S = 0.2
_EXPORT = "export NLPBATCH_"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "up",
        help="run API and proxy together on this machine, for development",
        description="Run API and proxy together on loopback. One that dies is started again. Ctrl-C stops both. "
        "The proxy's ledger of usage is in a temporary directory, unless --proxy-config says where.",
    )
    parser.add_argument("--port", type=int, default=_PORT, help=f"port of the proxy (default {_PORT}; 0: any free one)")
    parser.add_argument(
        "--api-port", type=int, default=0, metavar="PORT", help="port of the API (default: any free one)"
    )
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="worker processes (default: one per core)")
    parser.add_argument("--server-config", type=Path, metavar="FILE", help="server.toml to use")
    parser.add_argument("--proxy-config", type=Path, metavar="FILE", help="proxy.toml to use; its keys hold then")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="also write the export lines to this file")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run both until Ctrl-C or SIGTERM."""
    stop_on_signals()
    _check_env_file(arguments.env_file)
    print("starting: loading Kiwi takes a few seconds …", file=sys.stderr)
    options = StackOptions(
        port=arguments.port,
        api_port=arguments.api_port,
        workers=arguments.workers,
        server_config=arguments.server_config,
        proxy_config=arguments.proxy_config,
        verbose=arguments.verbose,
    )
    try:
        with Stack(options) as stack, _exported(stack, arguments.env_file) as exports:
            _announce(exports, stack)
            while True:
                for message in stack.tend():
                    print(f"nlpbatch up: {message}", file=sys.stderr, flush=True)
                time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 0


def _check_env_file(file: Path | None) -> None:
    """Refuse, before anything starts, to replace a file that `nlpbatch up` didn't write."""
    try:
        lines = [] if file is None or not file.exists() else file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = [""]
    if not all(line.startswith(_EXPORT) for line in lines):
        raise ConfigError(f"{file} exists and holds something else: choose another path with --env-file")


@contextmanager
def _exported(stack: Stack, file: Path | None) -> Iterator[list[str]]:
    """Write the lines for a shell, which are also in the file while API and proxy run."""
    values = {"SERVICE": stack.service} | ({} if stack.api_key is None else {"API_KEY": stack.api_key})
    exports = [f"{_EXPORT}{name}={shlex.quote(value)}" for name, value in values.items()]
    if file is None:
        yield exports
        return
    try:
        file.unlink(missing_ok=True)
        file.touch(mode=0o600, exist_ok=False)
        file.write_text("\n".join(exports) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} can't be written: {error.strerror}: choose another path with --env-file") from error
    try:
        yield exports
    finally:
        file.unlink(missing_ok=True)


def _announce(exports: Sequence[str], stack: Stack) -> None:
    print("ready. In another terminal:\n", file=sys.stderr)
    print("\n".join(f"  {line}" for line in exports), file=sys.stderr)
    print('  nlpbatch analyze "아버지가 방에 들어가신다"\n', file=sys.stderr)
    if stack.ledger is not None:
        print(f"Usage is counted in {stack.ledger}, and forgotten when you stop.", file=sys.stderr)
    if stack.options.proxy_config is None:  # that may have no admin listener
        print(f"What the proxy does: {stack.admin}/dashboard", file=sys.stderr)
    print("Ctrl-C stops both.", file=sys.stderr)

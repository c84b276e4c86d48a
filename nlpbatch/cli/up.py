"""`nlpbatch up`: API and proxy together on loopback, for development."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import ServiceUnreachable

_PORT = 8700
_WATCH_S = 0.2


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "up",
        help="run API and proxy together on this machine, for development",
        description="Run API and proxy together on loopback. Ctrl-C stops both.",
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
    signal.signal(signal.SIGTERM, _interrupt)
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
        with Stack(options) as stack:
            _announce(stack, arguments.env_file)
            while (ended := stack.ended()) is None:
                time.sleep(_WATCH_S)
            raise ServiceUnreachable(f"the {ended} ended: its own message stands above")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 0
    finally:
        if arguments.env_file is not None:
            arguments.env_file.unlink(missing_ok=True)


def _announce(stack: Stack, env_file: Path | None) -> None:
    exports = [f"export NLPBATCH_SERVICE={stack.service}"]
    if stack.api_key is not None:
        exports.append(f"export NLPBATCH_API_KEY={stack.api_key}")
    if env_file is not None:
        env_file.touch(mode=0o600)
        env_file.write_text("\n".join(exports) + "\n", encoding="utf-8")
    print("ready. In another terminal:\n", file=sys.stderr)
    print("\n".join(f"  {line}" for line in exports), file=sys.stderr)
    print('  nlpbatch analyze "아버지가 방에 들어가신다"\n\nCtrl-C stops both.', file=sys.stderr)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""`nlpbatch serve`: the analysis API."""

import argparse
import os
from pathlib import Path


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser("serve", help="run the analysis API", description="Run the analysis API.")
    parser.add_argument("--config", type=Path, metavar="FILE", help="server.toml; without it the defaults hold")
    parser.add_argument("--host", help="address to listen on, instead of the configured one")
    parser.add_argument("--port", type=int, help="port to listen on, instead of the configured one")
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes, instead of the configured number")
    parser.add_argument(
        "--register",
        action="append",
        metavar="URL",
        help="proxy to register at, instead of the configured ones; repeatable",
    )
    parser.add_argument(
        "--registration-secret", metavar="FILE", help="has the secret for it, instead of the configured"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal stops it."""
    from nlpbatch.server.config import ServerSettings  # noqa: PLC0415  (starts fast without the server extra)
    from nlpbatch.server.main import run as run_server  # noqa: PLC0415
    from nlpbatch.serving.loop import LOOP_VARIABLE, run_in_loop  # noqa: PLC0415
    from nlpbatch.serving.settings import read  # noqa: PLC0415

    overrides = {
        ("listen", "host"): arguments.host,
        ("listen", "port"): arguments.port,
        ("pool", "workers"): arguments.workers,
        ("registration", "proxies"): arguments.register,
        ("registration", "secret_file"): arguments.registration_secret,
    }
    base = arguments.config.parent if arguments.config is not None else Path()
    run_in_loop(run_server(read(arguments.config, ServerSettings, overrides), base), os.environ.get(LOOP_VARIABLE))
    return 0

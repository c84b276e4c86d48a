"""`nlpbatch proxy`: the throttling proxy, and what its operator does with it."""

import argparse
import os
from pathlib import Path

from nlpbatch.cli.proxy_audit import add_parser as add_parser_of_audit
from nlpbatch.cli.proxy_config import add_parsers
from nlpbatch.cli.proxy_keys import add_parser as add_parser_of_key
from nlpbatch.cli.proxy_simulate import add_parser as add_parser_of_simulate
from nlpbatch.cli.proxy_usage import add_parser as add_parser_of_usage


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    parser = commands.add_parser("proxy", help="run the throttling proxy, make keys for it")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    serve = actions.add_parser("serve", help="run the proxy", description="Run the throttling proxy.")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE", help="proxy.toml")
    serve.add_argument("--host", help="address to listen on, instead of the configured one")
    serve.add_argument("--port", type=int, help="port to listen on, instead of the configured one")
    serve.add_argument(
        "--admin-port", type=int, metavar="PORT", help="port of the operator's listener, instead of the configured one"
    )
    serve.add_argument(
        "--backend", action="append", metavar="URL", help="an API, instead of the configured ones; repeatable"
    )
    serve.add_argument(
        "--processes",
        default="1",
        metavar="N",
        help="processes that share the port, or auto for one per core (default 1; more need Linux)",
    )
    serve.add_argument(
        "--reuse-port",
        action="store_true",
        help="let a predecessor or successor listen on the same port, for a restart without a pause (Linux)",
    )
    serve.set_defaults(run=run_serve)
    add_parsers(actions)
    add_parser_of_simulate(actions)
    add_parser_of_usage(actions)
    add_parser_of_key(actions)
    add_parser_of_audit(actions)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    from nlpbatch.serving.loop import LOOP_VARIABLE, run_in_loop  # noqa: PLC0415  (starts fast without the extra)
    from nlpbatch.serving.reuse_port import check_supported  # noqa: PLC0415
    from nlpbatch.serving.settings import read  # noqa: PLC0415
    from proxy.config import ProxySettings  # noqa: PLC0415
    from proxy.host.main import process_count, run_host  # noqa: PLC0415
    from proxy.main import run  # noqa: PLC0415

    # What the command line gives holds on top of the file, each time that is read.
    backends = [{"url": url} for url in arguments.backend] if arguments.backend else None
    given = {
        ("listen", "host"): arguments.host,
        ("listen", "port"): arguments.port,
        ("admin", "port"): arguments.admin_port,
        ("backends",): backends,
    }

    def read_settings() -> ProxySettings:
        return read(arguments.config, ProxySettings, given)

    loop, processes = os.environ.get(LOOP_VARIABLE), process_count(arguments.processes)
    if processes > 1:
        run_in_loop(run_host(read_settings, arguments.config, processes), loop)
        return 0
    if arguments.reuse_port:
        check_supported("--reuse-port")
    run_in_loop(run(read_settings, arguments.config, shared_port=arguments.reuse_port), loop)
    return 0

"""`nlpbatch proxy`: the throttling proxy and its keys."""

import argparse
import os
import re
import sys
from pathlib import Path

from nlpbatch.cli.proxy_config import add_parsers
from nlpbatch.cli.proxy_simulate import add_parser as add_parser_of_simulate
from nlpbatch.errors import ConfigError


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
    serve.set_defaults(run=run_serve)
    add_parsers(actions)
    add_parser_of_simulate(actions)
    key = actions.add_parser("key", help="make a key", description="Make a key; it is shown once and stored nowhere.")
    key.add_argument("--tenant", required=True, metavar="NAME", help="whom it is for")
    key.set_defaults(run=run_key)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from nlpbatch.serving.loop import LOOP_VARIABLE, run_in_loop  # noqa: PLC0415  (starts fast without the extra)
    from nlpbatch.serving.settings import read  # noqa: PLC0415
    from proxy.config import ProxySettings  # noqa: PLC0415
    from proxy.main import run  # noqa: PLC0415

    # What the command line gives holds on top of the file, each time that is read.
    backends = [{"url": url} for url in arguments.backend] if arguments.backend else None
    given = {
        ("listen", "host"): arguments.host,
        ("listen", "port"): arguments.port,
        ("admin", "port"): arguments.admin_port,
        ("backends",): backends,
    }
    server = run(lambda: read(arguments.config, ProxySettings, given), arguments.config)
    run_in_loop(server, os.environ.get(LOOP_VARIABLE))
    return 0


def run_key(arguments: argparse.Namespace) -> int:
    """Print a new key to stdout, and where its hash belongs to stderr.

    Raises:
        ConfigError: No tenant can have that name.

    """
    from proxy.config import TENANT_NAME  # noqa: PLC0415
    from proxy.keys import make_key  # noqa: PLC0415

    tenant = arguments.tenant
    if re.fullmatch(TENANT_NAME, tenant) is None:
        raise ConfigError(
            f"--tenant {tenant!r}: not 1 to 64 of A-Z a-z 0-9 . _ -, from a letter or digit on: rename it"
        )
    key, entry = make_key()
    table = f'tenants."{tenant}"' if "." in tenant else f"tenants.{tenant}"  # a bare dot would nest tables
    print(key)
    print(
        f"\nGive this key to {tenant}: it is not stored anywhere. Its hash goes into proxy.toml, beside others if the\n"
        f'tenant has any:\n\n[{table}]\nkeys = ["{entry}"]',
        file=sys.stderr,
    )
    return 0

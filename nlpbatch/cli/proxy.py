"""`nlpbatch proxy`: the throttling proxy and its keys."""

import argparse
import asyncio
import sys
from pathlib import Path


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    parser = commands.add_parser("proxy", help="run the throttling proxy, make keys for it")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    serve = actions.add_parser("serve", help="run the proxy", description="Run the throttling proxy.")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE", help="proxy.toml")
    serve.add_argument("--host", help="address to listen on, instead of the configured one")
    serve.add_argument("--port", type=int, help="port to listen on, instead of the configured one")
    serve.add_argument(
        "--backend", action="append", metavar="URL", help="an API, instead of the configured ones; repeatable"
    )
    serve.set_defaults(run=run_serve)
    key = actions.add_parser("key", help="make a key", description="Make a key; it is shown once and stored nowhere.")
    key.add_argument("--tenant", required=True, metavar="NAME", help="whom it is for")
    key.set_defaults(run=run_key)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from nlpbatch.serving.settings import check, parse  # noqa: PLC0415  (starts fast without the proxy extra)
    from proxy.config import ProxySettings  # noqa: PLC0415
    from proxy.main import run  # noqa: PLC0415

    members = parse(arguments.config)
    for name in ("host", "port"):
        if (value := getattr(arguments, name)) is not None:
            members.setdefault("listen", {})[name] = value
    if arguments.backend:
        members["backends"] = [{"url": url} for url in arguments.backend]
    asyncio.run(run(check(members, ProxySettings, str(arguments.config))))
    return 0


def run_key(arguments: argparse.Namespace) -> int:
    """Print a new key to stdout, and where its hash belongs to stderr."""
    from proxy.keys import make_key  # noqa: PLC0415

    key, entry = make_key()
    print(key)
    print(
        f"\nGive this key to {arguments.tenant}: it is not stored anywhere. Its hash goes into proxy.toml:\n\n"
        f'[tenants.{arguments.tenant}]\nkeys = ["{entry}"]',
        file=sys.stderr,
    )
    return 0

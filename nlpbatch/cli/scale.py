"""`nlpbatch scale`: has as many workers run as the proxies want."""

import argparse
import asyncio
import os
import signal
import socket
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nlpbatch.cli.proxy_admin import ADMIN
from nlpbatch.errors import ConfigError

if TYPE_CHECKING:
    from proxy.config_shared import SharedSettings
    from proxy.scaler.targets import Target

_LEASE_PERIODS = 3
_LEASE_S = 30.0
"""Beside the periods: the longest that a change may take."""
_LEAVE_S = 900.0
"""How long a container may leave; then it ends by itself, see nlpbatch/deploy/start.py."""
_MAX = 1_000_000
_LONGEST_YARN_PERIOD_S = 300


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "scale",
        help="have as many API workers run as the proxies want",
        description="Read from a proxy how many workers it wants (proxy.toml, [scaling]), and ask YARN, or a command "
        "of your own, for as many. Runs until it is stopped; whatever is away, it keeps what there is. Needs a bound: "
        "max_workers in [scaling], or --max-units.",
    )
    parser.add_argument("--target", choices=("yarn", "command", "none"), required=True, help="what is scaled")
    parser.add_argument(
        "--admin",
        action="append",
        metavar="URL",
        help=f"admin listener of a proxy; repeatable, the first that answers counts (default {ADMIN})",
    )
    parser.add_argument(
        "--workers-per-unit", type=int, default=1, metavar="N", help="workers of a container (default 1)"
    )
    parser.add_argument("--min-units", type=int, default=0, metavar="N", help="never fewer containers (default 0)")
    parser.add_argument("--max-units", type=int, metavar="N", help="never more containers")
    parser.add_argument("--period", type=float, default=10.0, metavar="SECONDS", help="between two looks (default 10)")
    parser.add_argument(
        "--once",
        action="store_true",
        help="look once and end, on YARN when what leaves has left: with 1, if something was in the way",
    )
    parser.add_argument("--dry-run", action="store_true", help="log what would be done, and do nothing")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="proxy.toml with [shared]: the store there keeps a second scaler of the same service from working",
    )
    parser.add_argument("--service", default="nlpbatch", metavar="NAME", help="what is scaled (default nlpbatch)")
    yarn = parser.add_argument_group("--target yarn")
    yarn.add_argument("--yarn", metavar="URL", help="web address of the ResourceManager, such as http://rm:8088")
    yarn.add_argument("--component", default="api", metavar="NAME", help="of the service (default api)")
    yarn.add_argument("--user", metavar="NAME", help="who asks YARN (default: your user name)")
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="of --target command: run for each change, {units} and {workers} replaced, without a shell",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Scale until stopped; with --once, return 1 if something kept it from making true what is wanted."""
    from nlpbatch.serving import logs  # noqa: PLC0415  (starts fast)

    _check(arguments)
    logs.configure("info")
    return asyncio.run(_scale(arguments))


async def _scale(arguments: argparse.Namespace) -> int:
    from proxy.scaler.lease import ScalerLease  # noqa: PLC0415
    from proxy.scaler.scaler import ScaleOptions, Scaler  # noqa: PLC0415
    from proxy.scaler.targets import read_state  # noqa: PLC0415
    from proxy.shared.store import SharedStore  # noqa: PLC0415

    options = ScaleOptions(
        arguments.workers_per_unit, arguments.min_units, arguments.max_units, dry_run=arguments.dry_run
    )
    shared = _shared(arguments.config)
    store = None if shared is None else SharedStore(shared)
    lease = None
    if store is not None:
        await store.open()
        me = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        lease = ScalerLease(store, arguments.service, me, _LEASE_PERIODS * arguments.period + _LEASE_S)
    target = _target(arguments)
    scaler = Scaler(lambda: read_state(arguments.admin or [ADMIN]), target, options, lease)
    try:
        if arguments.once:
            await scaler.look()
            left = await _all_left(target, arguments.period)
            return int(scaler.held_up or not left)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await scaler.run(arguments.period, stop)
        return 0
    finally:
        if lease is not None and store is not None:
            await lease.give_back()
            await store.close()


async def _all_left(target: "Target", period_s: float) -> bool:
    """Wait until what leaves has left: only this scaler knows of what the proxies have forgotten. Return if it did."""
    from proxy.scaler.targets import NotApplied  # noqa: PLC0415

    try:
        async with asyncio.timeout(_LEAVE_S):
            while target.leaving:
                await asyncio.sleep(period_s)
                with suppress(NotApplied):  # what is away may be back
                    await target.now()
    except TimeoutError:
        return False
    return True


def _target(arguments: argparse.Namespace) -> "Target":
    from nlpbatch.cli.proxy_admin import user_name  # noqa: PLC0415
    from proxy.scaler.targets import CommandTarget, NoTarget, read_registered  # noqa: PLC0415
    from proxy.scaler.yarn import YarnTarget  # noqa: PLC0415
    from proxy.scaler.yarn_services import YarnServices  # noqa: PLC0415

    if arguments.target == "yarn":
        services = YarnServices(arguments.yarn, arguments.user or user_name())
        admins = arguments.admin or [ADMIN]
        return YarnTarget(
            services,
            arguments.service,
            arguments.component,
            lambda: read_registered(admins),
            dry_run=arguments.dry_run,
        )
    if arguments.target == "command":
        return CommandTarget(arguments.command, arguments.workers_per_unit)
    return NoTarget()


def _shared(config: Path | None) -> "SharedSettings | None":
    if config is None:
        return None
    from nlpbatch.serving.settings import load  # noqa: PLC0415
    from proxy.config import ProxySettings  # noqa: PLC0415

    shared = load(config, ProxySettings).shared
    if shared.url is None:
        raise ConfigError(f"{config} has no shared.url, so nothing keeps a second scaler away: leave --config out")
    return shared


def _check(arguments: argparse.Namespace) -> None:
    if arguments.command[:1] == ["--"]:
        del arguments.command[0]
    if (arguments.target == "command") != bool(arguments.command):
        wanted = "give it after --" if arguments.target == "command" else "leave it out"
        raise ConfigError(f"--target {arguments.target} and a command of {len(arguments.command)} words: {wanted}")
    if arguments.target == "yarn" and arguments.period > _LONGEST_YARN_PERIOD_S:
        raise ConfigError(
            f"--period is {arguments.period:g}: give at most {_LONGEST_YARN_PERIOD_S} s for YARN, where a container "
            "that has left is taken away at a look"
        )
    if arguments.target == "yarn" and not arguments.yarn:
        raise ConfigError("--target yarn without --yarn: give the ResourceManager's web address, http://rm:8088")
    for name, least in (("workers_per_unit", 1), ("min_units", 0), ("max_units", 0), ("period", 0.1)):
        value = getattr(arguments, name)
        if value is not None and not least <= value <= _MAX:
            raise ConfigError(f"--{name.replace('_', '-')} is {value:g}: give {least:g} to {_MAX:,}")
    if arguments.max_units is not None and arguments.max_units < arguments.min_units:
        raise ConfigError(f"--max-units {arguments.max_units} is under --min-units {arguments.min_units}: raise it")

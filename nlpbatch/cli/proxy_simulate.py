"""`nlpbatch proxy simulate`: what would become of a workload under a configuration."""

import argparse
from pathlib import Path

from nlpbatch.cli.json_output import print_json
from nlpbatch.errors import ConfigError


def add_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = actions.add_parser(
        "simulate",
        help="play a workload against a configuration, an hour in seconds",
        description="Play a workload on a virtual clock against the proxy's own limits, queue, admission and balancer.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="proxy.toml")
    parser.add_argument(
        "--workload", type=Path, required=True, metavar="FILE", help="workload; conf/workloads has examples"
    )
    parser.add_argument("--json", action="store_true", help="print figures for programs")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also write table and picture as an SVG image")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play it and print what came of it."""
    from rich.console import Console  # noqa: PLC0415  (starts fast without the proxy extra)

    from nlpbatch.serving.settings import load  # noqa: PLC0415
    from proxy.config import ProxySettings  # noqa: PLC0415
    from proxy.planning.report import figures, show  # noqa: PLC0415
    from proxy.planning.simulate import Simulation  # noqa: PLC0415
    from proxy.planning.workloads import Workload  # noqa: PLC0415

    settings, workload = load(arguments.config, ProxySettings), load(arguments.workload, Workload)
    unknown = sorted(workload.tenants() - settings.tenants.keys())
    if unknown:
        raise ConfigError(
            f"{arguments.workload}: {arguments.config} has no tenants {', '.join(unknown)}: "
            f"choose from {', '.join(settings.tenants)}"
        )
    outcome = Simulation(settings, workload).run()
    if arguments.json:
        print_json(figures(outcome))
        return 0
    console = Console(record=arguments.svg is not None, soft_wrap=True)
    show(outcome, console)
    if arguments.svg is not None:
        _write_svg(console.export_svg(title=f"{arguments.workload.name} under {arguments.config.name}"), arguments.svg)
    return 0


def _write_svg(picture: str, file: Path) -> None:
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--svg {file}: can't be written: {error.strerror}: choose another path") from error

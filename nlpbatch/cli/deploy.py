"""`nlpbatch deploy`: has the service run on a cluster."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nlpbatch
from nlpbatch.cli.json_output import print_json
from nlpbatch.errors import ConfigError
from nlpbatch.serving.registered import PROXY_URL

if TYPE_CHECKING:
    from nlpbatch.deploy.specification import Places, ServiceOptions

_MOST = {"containers": 10_000, "workers": 1_024, "memory": 1 << 24, "port": 65_535, "proxies": 100, "timeout": 86_400}
_NAME = r"[a-z][a-z0-9-]{0,62}"
_LEAST = {"containers": 1, "workers": 1, "memory": 256, "port": 0, "proxies": 0, "timeout": 1}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser("deploy", help="have the service run on a cluster")
    targets = parser.add_subparsers(metavar="TARGET", required=True)
    yarn = targets.add_parser(
        "yarn",
        help="as a service on YARN",
        description="Pack the API as it is installed here, bring it to HDFS, and have YARN run it; its containers "
        "register at the proxies. Scale it with nlpbatch scale --target yarn.",
    )
    yarn.add_argument("--yarn", required=True, metavar="URL", help="web address of the ResourceManager")
    yarn.add_argument("--service", default="nlpbatch", metavar="NAME", help="what YARN calls it (default nlpbatch)")
    yarn.add_argument("--directory", metavar="URL", help="where the files go, such as hdfs://namenode/apps/nlpbatch")
    yarn.add_argument("--proxy", action="append", default=[], metavar="URL", help="register there; repeatable")
    yarn.add_argument("--secret", type=Path, metavar="FILE", help="registration secret of the proxies")
    yarn.add_argument("--config", type=Path, metavar="FILE", help="server.toml (default: one analyzer, Kiwi)")
    yarn.add_argument(
        "--file",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="take along what lies beside server.toml; repeatable. Dictionaries and modules of analyzers are anyway",
    )
    yarn.add_argument("--containers", type=int, default=1, metavar="N", help="APIs to begin with (default 1)")
    yarn.add_argument("--workers", type=int, default=2, metavar="N", help="workers, so cores, of each (default 2)")
    yarn.add_argument("--memory", type=int, metavar="MIB", help="of each (default 1,200 and 16 a worker)")
    yarn.add_argument(
        "--port", type=int, default=0, metavar="N", help="of the APIs: one on a node at most (default: any free port)"
    )
    yarn.add_argument("--proxies", type=int, default=0, metavar="N", help="run so many proxies, too (default 0)")
    yarn.add_argument("--proxy-config", type=Path, metavar="FILE", help="proxy.toml for these, with a [listen] port")
    yarn.add_argument("--queue", metavar="NAME", help="YARN's queue (default: YARN's own default)")
    yarn.add_argument(
        "--python", metavar="NAME", help="Python of the nodes (default: this one's name, such as python3.11)"
    )
    yarn.add_argument(
        "--archive", type=Path, metavar="FILE", help="packed before; if it isn't there, it is packed and kept there"
    )
    yarn.add_argument("--user", metavar="NAME", help="who asks YARN (default: your user name)")
    yarn.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="to wait for it (default 300)")
    yarn.add_argument("--json", action="store_true", help="print where it listens for programs")
    yarn.add_argument("--remove", action="store_true", help="end the service at once; scale it to 0 before to drain it")
    yarn.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Deploy, and print where it listens; or end it."""
    from nlpbatch.cli.proxy_admin import user_name  # noqa: PLC0415  (starts fast)
    from nlpbatch.deploy.yarn import Deployment, told  # noqa: PLC0415
    from proxy.scaler.yarn_services import YarnServices  # noqa: PLC0415

    services = YarnServices(arguments.yarn, arguments.user or user_name())
    if arguments.remove:
        with told():
            services.destroy(arguments.service)
        _say(f"service {arguments.service!r} has ended")
        return 0
    options = _options(arguments)
    secret = _secret(arguments.secret)
    deployment = Deployment(services, options, secret, _say)
    deployment.check()
    deployment.submit(_bring(arguments, options, secret))
    _say(f"YARN has accepted {options.name!r}")
    there = deployment.wait(arguments.timeout)
    if arguments.json:
        print_json({"application": there.application, "apis": list(there.apis), "proxies": list(there.proxies)})
        return 0
    print(f"{there.application}: {len(there.apis)} APIs on {', '.join(sorted(set(there.apis)))}")
    print(f"callers use {' '.join(there.proxies)}")
    print(
        f"it follows the work with: nlpbatch scale --target yarn --yarn {arguments.yarn} --service {options.name} "
        f"--workers-per-unit {options.workers} --min-units 1 --max-units N"
    )
    return 0


def _options(arguments: argparse.Namespace) -> "ServiceOptions":
    from nlpbatch.deploy.specification import ServiceOptions  # noqa: PLC0415

    for name, least in _LEAST.items():
        value = getattr(arguments, name)
        if value is not None and not least <= value <= _MOST[name]:
            raise ConfigError(f"--{name} is {value:g}: give {least:,} to {_MOST[name]:,}")
    if not arguments.directory:
        raise ConfigError("no --directory: give one on HDFS for the files, such as hdfs://namenode/apps/nlpbatch")
    if not arguments.proxy and not arguments.proxies:
        raise ConfigError(
            "nobody would know of the APIs: name the proxies with --proxy URL, or run some with --proxies N"
        )
    if not re.fullmatch(_NAME, arguments.service):
        raise ConfigError(
            f"--service is {arguments.service!r}: YARN wants small letters, digits and hyphens, a letter first"
        )
    if bool(arguments.proxies) != (arguments.proxy_config is not None):
        raise ConfigError("--proxies N and --proxy-config FILE go together: give both or none")
    return ServiceOptions(
        arguments.service,
        arguments.queue,
        arguments.python or "python{}.{}".format(*sys.version_info),
        arguments.containers,
        arguments.workers,
        arguments.memory,
        arguments.port,
        [_checked_proxy(url) for url in arguments.proxy],
        arguments.proxies,
        _proxy_port(arguments.proxy_config),
    )


def _checked_proxy(url: str) -> str:
    url = url.rstrip("/")
    if not re.fullmatch(PROXY_URL, url):
        raise ConfigError(f"--proxy is {url!r}: give an address such as http://proxy:8700")
    return url


def _proxy_port(config: Path | None) -> int:
    from nlpbatch.serving.settings import parse  # noqa: PLC0415

    if config is None:
        return 0
    listen = parse(config).get("listen", {})
    if listen.get("host", "127.0.0.1") in {"127.0.0.1", "::1", "localhost"} or "tls" in listen:
        raise ConfigError(f"{config}: the APIs reach these proxies by HTTP: give [listen] host = '0.0.0.0', and no tls")
    port = listen.get("port", 8700)
    if not isinstance(port, int) or not 0 < port <= _MOST["port"]:
        raise ConfigError(f"{config}: listen.port is {port!r}: callers need a port that stays, 1 to 65,535")
    return port


def _secret(file: Path | None) -> str:
    from nlpbatch.serving.secrets import REGISTRATION_VARIABLE, read_secret  # noqa: PLC0415

    try:
        secret = read_secret(None if file is None else str(file), "--secret", REGISTRATION_VARIABLE)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if secret is None:
        raise ConfigError(
            f"no registration secret: give --secret FILE or ${REGISTRATION_VARIABLE}, as the proxies have"
        )
    return secret


def _bring(arguments: argparse.Namespace, options: "ServiceOptions", secret: str) -> "Places":
    """Have all files on HDFS, and return where."""
    from nlpbatch.deploy import archive  # noqa: PLC0415
    from nlpbatch.deploy.configuration import configuration_files, extras_for  # noqa: PLC0415
    from nlpbatch.deploy.specification import Places  # noqa: PLC0415
    from nlpbatch.deploy.storage import Storage  # noqa: PLC0415

    if arguments.user:
        os.environ["HADOOP_USER_NAME"] = arguments.user  # who asks YARN must be able to read the files
    storage = Storage(arguments.directory)
    with tempfile.TemporaryDirectory(prefix="nlpbatch-deploy-") as made:
        directory = Path(made)
        server = arguments.config
        if server is None:
            server = directory / "server.toml"
            server.touch()
        files = configuration_files(server, arguments.file, arguments.proxy_config)
        extras = extras_for(server) + (",proxy" if options.own_proxies else "")
        packages = arguments.archive or directory / "packages.tar.gz"
        if not packages.exists():
            _say("packing what is installed here …")
            archive.pack_packages(packages, extras)
        packed = archive.python_of(packages)
        _check_python(packed, options.python, packages)
        _check_packages(packed, extras, packages)
        configuration = directory / "configuration.tar.gz"
        archive.pack_files(configuration, files)
        name = f"packages-{nlpbatch.__version__}-{archive.content_hash(packages)}.tar.gz"
        where, new = storage.bring(packages, name)
        size = f"{packages.stat().st_size / 1e6:,.0f} MB"
        _say(f"{where}: {size}{'' if new else ', was there already'}")
        own = f"{options.name}/configuration-{archive.content_hash(configuration)}.tar.gz"
        kept, _ = storage.bring(configuration, own, private=True)
        (directory / "secret").write_text(secret)
        return Places(where, kept, storage.bring_secret(directory / "secret", f"{options.name}/registration-secret"))


def _check_python(packed: Mapping[str, Any], name: str, file: Path) -> None:
    """Look whether a Python whose name says its version can load an archive; each container looks again."""
    named = re.search(r"(\d+\.\d+)$", name)
    version = "{}.{}".format(*packed["version"])
    if named is not None and named[1] != version:
        raise ConfigError(
            f"{file} was packed by Python {version}, and --python is {name}: name python{version}, or pack another "
            f"archive with {name}"
        )


def _check_packages(packed: Mapping[str, Any], extras: str, file: Path) -> None:
    """Look whether an archive has this version of nlpbatch, and all that the configuration needs."""
    missing = set(extras.split(",")) - set(str(packed.get("extras", "")).split(","))
    if packed.get("nlpbatch") != nlpbatch.__version__ or missing:
        raise ConfigError(
            f"{file} has nlpbatch {packed.get('nlpbatch')} with {packed.get('extras')}, and {nlpbatch.__version__} "
            f"with {extras} is wanted: delete it, to have it packed again"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr)

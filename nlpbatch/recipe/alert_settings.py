"""`[alerts]`: who is told how a run ended; in a recipe, in the options file of a job, and for `nlpbatch runs --check`.

What is secret comes from the environment, so that it is neither in a file that many read, nor in `ps`, nor in logs.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from nlpbatch.alerts.alert import DEFAULT_STATES, STATES
from nlpbatch.alerts.command import Command
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.alerts.links import path_below
from nlpbatch.alerts.mail import Mail
from nlpbatch.alerts.web_proxy import web_proxy
from nlpbatch.alerts.webhook import Webhook
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.section_options import read_section
from nlpbatch.spark.option_types import STRING, OptionType, columns, is_names
from nlpbatch.toml import parse_toml

SECTION: Final = "alerts"
WEBHOOK: Final = "NLPBATCH_ALERT_WEBHOOK"
WEBHOOK_TOKEN: Final = "NLPBATCH_ALERT_WEBHOOK_TOKEN"  # noqa: S105  (the name of a variable)
SMTP_USER: Final = "NLPBATCH_ALERT_SMTP_USER"
SMTP_PASSWORD: Final = "NLPBATCH_ALERT_SMTP_PASSWORD"  # noqa: S105  (the name of a variable)
_OWN: Final = (WEBHOOK, WEBHOOK_TOKEN, SMTP_USER, SMTP_PASSWORD)
_OTHERS: Final = (
    "NLPBATCH_API_KEY",
    "NLPBATCH_RUNS_KEY",
    "NLPBATCH_ADMIN_KEY",
    "NLPBATCH_REGISTRATION_SECRET",
    "NLPBATCH_SHARED_PASSWORD",
    "NLPBATCH_SHARED_SECRET",
)
"""Further variables that a command doesn't get."""
_SMTP_PORTS: Final = {"smtp": 25, "smtps": 465}
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_MAX_NAMED: Final = 20
"""Addresses, and words of a command."""


def _url_fault(name: str, value: str, schemes: tuple[str, ...], example: str) -> str | None:
    try:
        parts = urlsplit(value)
        is_one = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"{name} is no address: write it as {example}"
    if not is_one or not value.isascii() or not value.isprintable() or " " in value:
        return f"{name} is no address of {' or '.join(schemes)}: write it as {example}"
    if "@" in parts.netloc:  # not quoted in the message: it is a secret
        return f"{name} has a user or a password in it, which many would read: {_REMEDIES.get(name, 'leave it out')}"
    return _parts_fault(name, parts)


def _parts_fault(name: str, parts: SplitResult) -> str | None:
    if name == "webhook" and parts.query:
        return f"webhook has a query, which often holds a secret that many would read: {_REMEDIES['webhook']}"
    if name == "smtp" and (parts.path.strip("/") or parts.query):
        return "smtp has more than a server and a port: write it as smtps://mail.example.com:465"
    if name == "page" and (parts.query or parts.fragment):
        return "page has more than the address of the page: write it as https://runs.example.com/"
    return None


_REMEDIES: Final = {
    "webhook": f"set ${WEBHOOK} in the environment instead",
    "smtp": f"set ${SMTP_USER} and ${SMTP_PASSWORD} in the environment instead",
}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _addresses_fault(name: str, values: tuple[str, ...]) -> str | None:
    wrong = next((one for one in values if not _ADDRESS.fullmatch(one)), None)
    if wrong is not None:
        return f"{name} has {wrong!r}, which is no address: write it as ops@example.com"
    if not 0 < len(values) <= _MAX_NAMED:
        return f"{name} has {len(values)} addresses: give 1 to {_MAX_NAMED}"
    return None


def _command_fault(words: tuple[str, ...]) -> str | None:
    if not 0 < len(words) <= _MAX_NAMED or not words[0]:
        return f"command has {len(words)} words: name a program and up to {_MAX_NAMED - 1} arguments"
    return "command has a zero byte in it: leave it out" if any("\0" in word for word in words) else None


def _states_fault(states: tuple[str, ...]) -> str | None:
    wrong = [one for one in states if one not in STATES]
    return f"on has {wrong[0]!r}: choose from {', '.join(STATES)}" if wrong else None


def _url(name: str, schemes: tuple[str, ...], example: str) -> OptionType:
    return OptionType(
        STRING.accepts, f'an address: "{example}"', fault=lambda value: _url_fault(name, value, schemes, example)
    )


_STATES: Final = OptionType(_is_list, f'a list of {", ".join(STATES)}: ["failed", "look"]', tuple, _states_fault)
_COMMAND: Final = OptionType(_is_list, 'a list of words: ["/opt/bin/tell", "--team", "data"]', tuple, _command_fault)
_EMAIL: Final = OptionType(
    is_names, 'an address, or several: ["ops@example.com"]', columns, lambda value: _addresses_fault("email", value)
)
_SENDER: Final = OptionType(
    STRING.accepts, 'an address: "nlpbatch@example.com"', fault=lambda value: _addresses_fault("sender", (value,))
)


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Who is told how a run ended, and of which endings."""

    on: Annotated[tuple[str, ...], _STATES, "Of what: failed, breached, look, late, stopped, done."] = DEFAULT_STATES
    webhook: Annotated[
        str | None,
        _url("webhook", ("https", "http"), "https://hooks.example.com/nlpbatch"),
        f"Address that gets JSON; ${WEBHOOK} if left out.",
    ] = None
    email: Annotated[tuple[str, ...], _EMAIL, "Addresses that get an e-mail."] = ()
    sender: Annotated[str | None, _SENDER, "Address that e-mails are from."] = None
    smtp: Annotated[
        str | None,
        _url("smtp", ("smtps", "smtp"), "smtps://mail.example.com:465"),
        "Server for e-mails; smtp:// uses TLS if it is offered.",
    ] = None
    command: Annotated[
        tuple[str, ...], _COMMAND, "Program and arguments that get JSON on standard input; without a shell."
    ] = ()
    page: Annotated[
        str | None,
        _url("page", ("https", "http"), "https://runs.example.com/"),
        "Where nlpbatch runs --serve is reached, for links.",
    ] = None
    page_of: Annotated[str | None, STRING, "Directory that the page shows, of which the output is one below."] = None

    def faults(self, output: str | None = None) -> list[str]:
        """Return what is wrong between its options.

        Args:
            output: Where the run writes; None if that isn't known.

        """
        faults = []
        if self.email and (self.smtp is None or self.sender is None):
            missing = "smtp" if self.smtp is None else "sender"
            faults.append(f"[alerts] {missing} is missing: e-mail needs smtp and sender")
        if not self.email and (self.smtp or self.sender):
            faults.append("[alerts] smtp and sender are for e-mail: add email, or leave them out")
        if self.page_of is not None and self.page is None:
            faults.append("[alerts] page_of is what page shows: add page, or leave it out")
        if output and self.page_of is not None and path_below(self.page_of, output) is None:
            faults.append(
                f"[alerts] page_of is {self.page_of!r}, and the output {output!r} isn't below it: "
                "name the directory of nlpbatch runs --serve as the output's path begins"
            )
        return faults


def read_alerts(file: Path, output: str | None = None) -> AlertSettings | None:
    """Return `[alerts]` of a TOML file, whatever else that holds; None if there is none.

    Args:
        file: The file.
        output: Where the run writes, if the file itself doesn't say so.

    Raises:
        ConfigError: The file can't be read, or the section is wrong; all faults are named.

    """
    try:
        written = parse_toml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}: check the path") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    given, output = written.get(SECTION), output or written.get("output")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ConfigError(f"{file}: {SECTION} is not a section: write [{SECTION}]")
    values, unusable = read_section(AlertSettings, SECTION, given)
    settings = AlertSettings(**values)
    faults = [*map(str, unusable)] or settings.faults(output if isinstance(output, str) else None)
    if faults:
        raise ConfigError("\n".join(f"{file}: {fault}" for fault in faults))
    return settings


def alerts_of(settings: AlertSettings | None, environment: Mapping[str, str]) -> Alerts:
    """Return who is told, with what the environment adds; nobody if neither names anybody.

    Args:
        settings: The section; None if there is none.
        environment: Variables.

    Raises:
        ConfigError: The section names nobody, a variable can't be used, or the command isn't here.

    """
    given = settings or AlertSettings()
    secrets = {name: environment.get(name, "").strip() or None for name in _OWN}
    webhook = given.webhook or secrets[WEBHOOK]
    if given.webhook is None and webhook is not None:
        _check_webhook(webhook)
    if (secrets[SMTP_USER] is None) is not (secrets[SMTP_PASSWORD] is None):
        raise ConfigError(f"of ${SMTP_USER} and ${SMTP_PASSWORD} one is missing: set both, or neither")
    hooks: list[Webhook | Mail | Command] = []
    if webhook is not None:
        hooks.append(Webhook(webhook, _key(secrets[WEBHOOK_TOKEN]), web_proxy(webhook, environment)))
    if given.email and given.smtp is not None and given.sender is not None:
        parts = urlsplit(given.smtp)
        server = (parts.hostname or "", parts.port or _SMTP_PORTS[parts.scheme], parts.scheme == "smtps")
        hooks.append(Mail(*server, given.sender, given.email, secrets[SMTP_USER], secrets[SMTP_PASSWORD]))
    if given.command:
        if shutil.which(given.command[0]) is None:
            raise ConfigError(
                f"[alerts] command: there is no program {given.command[0]!r} where the driver runs: give its whole path"
            )
        plain = {name: value for name, value in environment.items() if name not in {*_OWN, *_OTHERS}}
        hooks.append(Command(given.command, plain))
    if settings is not None and settings.on and not hooks:
        raise ConfigError(f"[alerts] names nobody: give webhook, email or command, or set ${WEBHOOK}")
    return Alerts(tuple(hooks), frozenset(given.on), given.page, given.page_of)


def _check_webhook(address: str) -> None:
    """Refuse an address from the environment that is none, without showing it.

    Raises:
        ConfigError: It is none.

    """
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_one = False
    if not is_one or not address.isascii() or not address.isprintable() or " " in address:
        raise ConfigError(f"${WEBHOOK} is no address: set it to one that begins with https://")


def _key(key: str | None) -> str | None:
    if key is not None and (not key.isascii() or not key.isprintable()):
        raise ConfigError(f"${WEBHOOK_TOKEN} has characters that no header may have: use letters and digits")
    return key

"""The variables of a recipe: placeholders in what it reads and where it writes, and the values given for them.

    sql = "SELECT * FROM reviews WHERE dt = '{{ ds }}'"        nlpbatch run recipe.toml --set ds=2026-11-01
    path = "hdfs:///features/reviews/date={{ ds }}"

`ds` and `ds_nodash` are the date as Airflow writes it; `date` is another name of `ds`. A placeholder is a name and
nothing more: SQL can compute. Each variable that decides what is read is also part of the output's path, so that the
output of one date never replaces that of another.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.suggestions import nearest

DATE: Final = "ds"
_DATE_NAMES: Final = {"ds": "2026-11-30", "date": "2026-11-30", "ds_nodash": "20261130"}
"""Names that the date fills, with an example of each."""
_FILLED: Final = ("sql", "table", "files", "where", "path")
"""Keys, of any section, whose placeholders are filled."""
_PLACEHOLDER: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LITERAL: Final = ("'{{'", '"{{"')
"""Two braces that are meant as such, as Jinja has them."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_VALUE: Final = re.compile(r"[\w:-][\w.:-]*")


def parse_assignments(assignments: Sequence[str], today: date) -> dict[str, str]:
    """Return the variables of a command line, each given as NAME=VALUE.

    Args:
        assignments: As they were typed; a date may be `today` or `yesterday`.
        today: The day on which the command was given.

    Raises:
        ConfigError: Not assignments, or one name twice; all faults are named.

    """
    found: dict[str, str] = {}
    faults = []
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    for text in assignments:
        name, separator, value = text.partition("=")
        if not (separator and _NAME.fullmatch(name)):
            faults.append(f"--set {text}: not a variable and its value: write it as --set ds=2026-11-30")
        elif name in found:
            faults.append(f"--set {name} is given twice: give it once")
        else:
            found[name] = days[value].isoformat() if name in _DATE_NAMES and value in days else value
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def placeholders(members: Mapping[str, Any]) -> set[str]:
    """Return the variables that a recipe's members need; `ds` stands for all names of the date."""
    return {_variable(name) for _, _, text in _filled_texts(members) for name in _names(text)}


def fill(members: Mapping[str, Any], given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return a recipe's members with values for placeholders, the variables used, and what is wrong.

    Args:
        members: Of the file, as they are.
        given: Values by name. Letters, digits and `_ . : -`, so that none leaves its quotes or its directory.

    """
    values, faults = _check_values(given)
    needed = placeholders(members)
    faults += [
        f"--set {name}: the recipe has no {{{{ {name} }}}}: {nearest(name, sorted(needed))}"
        for name in values
        if name not in needed
    ]
    faults += _misplaced(members)
    for section, key, text in _filled_texts(members):
        for name in dict.fromkeys(_names(text)):
            if not _NAME.fullmatch(name):
                faults.append(
                    f"[{section}] {key} has {{{{ {name} }}}}: only names are filled in: compute in SQL instead"
                )
            elif _variable(name) not in {_variable(one) for one in given}:
                example = _DATE_NAMES[DATE] if name in _DATE_NAMES else "…"
                faults.append(
                    f"[{section}] {key} has {{{{ {name} }}}}, which isn't set: give --set {_variable(name)}={example}"
                )
    faults += _unpartitioned(members)
    return (dict(members), values, faults) if faults else (_with_values(members, values), values, [])


def _check_values(given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the values by variable, and what is wrong with others."""
    values: dict[str, str] = {}
    faults = []
    for name, value in given.items():
        if name == "ds_nodash":
            faults.append("--set ds_nodash: it follows from the date: give --set ds=2026-11-30")
        elif name in _DATE_NAMES and not _is_date(value):
            faults.append(f"--set {name}={value}: not a date: write it as 2026-11-30, or today, or yesterday")
        elif not _VALUE.fullmatch(value):
            faults.append(
                f"--set {name}={value!r}: a value is letters, digits and _ - : and dots after the first: "
                "write anything else into the recipe"
            )
        elif values.setdefault(_variable(name), value) != value:
            faults.append("--set date and --set ds are the same variable: give one of them")
    return values, faults


def _misplaced(members: Mapping[str, Any]) -> list[str]:
    """Return a fault for each placeholder where none is filled."""
    return [
        f"[{section}] {key} has {{{{ {name} }}}}, and placeholders are filled in {', '.join(_FILLED)} only: "
        "write the value instead"
        for section, given in members.items()
        if isinstance(given, Mapping)
        for key, value in given.items()
        if key not in _FILLED and isinstance(value, str)
        for name in _names(value)
        if _variable(name) == DATE
    ]


def _unpartitioned(members: Mapping[str, Any]) -> list[str]:
    """Return a fault for each variable that decides what is read, but not where it goes."""
    texts = list(_filled_texts(members))
    of_path = {_variable(name) for section, _, text in texts if section == "sink" for name in _names(text)}
    first: dict[str, str] = {}
    for section, key, text in texts:
        for name in _names(text):
            first.setdefault(_variable(name), f"[{section}] {key}")
    return [
        f"{where} has {{{{ {name} }}}}, and [sink] path hasn't: each value would replace what another one made: "
        f'add it to the path: "…/{"date" if name == DATE else name}={{{{ {name} }}}}"'
        for name, where in first.items()
        if name not in of_path and _NAME.fullmatch(name)
    ]


def _with_values(members: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    def replaced(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in _LITERAL:
            return "{{"
        value = values[_variable(name)]
        return value.replace("-", "") if name == "ds_nodash" else value

    filled = {name: dict(given) if isinstance(given, Mapping) else given for name, given in members.items()}
    for section, key, text in _filled_texts(members):
        filled[section][key] = _PLACEHOLDER.sub(replaced, text)
    return filled


def _filled_texts(members: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and text wherever placeholders are filled."""
    for section, given in members.items():
        for key in _FILLED if isinstance(given, Mapping) else ():
            if isinstance(given.get(key), str):
                yield section, key, given[key]


def _names(text: str) -> list[str]:
    found = (match[1].strip() for match in _PLACEHOLDER.finditer(text))
    return [name for name in found if name not in _LITERAL]


def _variable(name: str) -> str:
    return DATE if name in _DATE_NAMES else name


def _is_date(value: str) -> bool:
    try:
        return bool(_DATE.fullmatch(value) and date.fromisoformat(value))
    except ValueError:
        return False

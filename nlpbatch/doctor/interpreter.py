"""Python, and the packages that this product asks for, by its own metadata."""

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final, Self

import nlpbatch
from nlpbatch.doctor.finding import Finding

_MIN_PYTHON: Final = (3, 11)
_USES: Final[Mapping[str, str]] = {
    "": "callers of the service",
    "server": "an API on this machine",
    "proxy": "a proxy on this machine",
    "spark": "jobs and recipes on Spark",
    "explore": "samples, reports and HDFS without Spark",
}
"""The extras that are looked at, and what they are for; '' is the base installation."""
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_BOUND: Final = re.compile(r"(>=|<)\s*(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that an extra needs.

    Args:
        name: Of the package.
        bounds: As pip takes them, such as ">=4.0,<5".
        extra: Which; '' for the base installation.

    """

    name: str
    bounds: str
    extra: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the requirement in a line of a package's metadata; None for one of another kind of machine."""
        found = _REQUIREMENT.fullmatch(text)
        if found is None:
            return None
        name, bounds, marker = found[1], found[2].strip(), found[3] or ""
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", marker)
        if "sys_platform" in marker and sys.platform == "win32":
            return None
        return cls(name, bounds, extra[1] if extra else "")

    def admits(self, installed: str) -> bool:
        """Return whether a version is within the bounds; `>=` and `<` are all that this product's have."""
        given = _numbers(installed)
        return all(
            given >= _numbers(bound) if sign == ">=" else given < _numbers(bound)
            for sign, bound in _BOUND.findall(self.bounds)
        )


def check_python() -> Iterator[Finding]:
    """Yield what runs this program."""
    shown = f"{platform.python_version()} at {sys.executable}, on {platform.platform(terse=True)}"
    details = {"version": platform.python_version(), "executable": sys.executable, "nlpbatch": nlpbatch.__version__}
    if sys.version_info < _MIN_PYTHON:
        wanted = ".".join(map(str, _MIN_PYTHON))
        yield Finding("python", "failed", shown, f"install Python {wanted} or newer", details)
    else:
        yield Finding("python", "fine", shown, details=details)


def check_packages() -> Iterator[Finding]:
    """Yield whether the packages of each extra are there, in versions that fit."""
    try:
        lines = requires("nlpbatch") or []
    except PackageNotFoundError:
        yield Finding(
            "packages",
            "look",
            "nlpbatch itself isn't installed here, so that its requirements aren't known",
            "install it with pip, from a wheel or a clone",
        )
        return
    wanted = [found for line in lines if (found := Requirement.parse(line)) is not None]
    for extra, use in _USES.items():
        yield _of_extra(extra, use, [one for one in wanted if one.extra == extra])


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, None if it isn't there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _of_extra(extra: str, use: str, wanted: list[Requirement]) -> Finding:
    name = f"packages[{extra}]" if extra else "packages"
    versions = {one.name: installed_version(one.name) for one in wanted}
    absent = [one.name for one in wanted if versions[one.name] is None]
    unfit = [one for one in wanted if (found := versions[one.name]) is not None and not one.admits(found)]
    remedy = f"pip install 'nlpbatch[{extra}]'" if extra else "pip install nlpbatch"
    if unfit:
        said = ", ".join(f"{one.name} {versions[one.name]} where {one.bounds} is needed" for one in unfit)
        return Finding(name, "failed", f"{said} (for {use})", remedy, versions)
    if not absent:
        return Finding(name, "fine", ", ".join(f"{one} {found}" for one, found in versions.items()), details=versions)
    said = f"{', '.join(absent)} not installed, needed for {use}"
    return Finding(name, "skipped" if extra else "failed", said, remedy, versions)


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:4]]
    return tuple(numbers + [0] * (4 - len(numbers)))

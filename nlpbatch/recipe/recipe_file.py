"""A recipe: one TOML file that says what the data should become. It is read and checked before anything is done."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.older_python import Self
from nlpbatch.recipe.alert_settings import AlertSettings
from nlpbatch.recipe.consistency import inconsistencies
from nlpbatch.recipe.faults import Fault
from nlpbatch.recipe.preparation_settings import CleanSettings, ExpectSettings, JoinSettings
from nlpbatch.recipe.section_options import options_of, read_section
from nlpbatch.recipe.settings import (
    AnalyzeSettings,
    FeatureSettings,
    ProfileSettings,
    SampleSettings,
    SinkSettings,
    SourceSettings,
)
from nlpbatch.recipe.variables import fill
from nlpbatch.suggestions import nearest
from nlpbatch.toml import parse_toml

SECTIONS: Final[dict[str, type[Any]]] = {
    "source": SourceSettings,
    "sample": SampleSettings,
    "profile": ProfileSettings,
    "join": JoinSettings,
    "clean": CleanSettings,
    "expect": ExpectSettings,
    "analyze": AnalyzeSettings,
    "features": FeatureSettings,
    "sink": SinkSettings,
    "alerts": AlertSettings,
}
KEYS: Final = {name: tuple(options_of(section)) for name, section in SECTIONS.items()}
"""The options of each section."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe; a stage that the file doesn't name isn't done. `variables` are the values of its placeholders."""

    source: SourceSettings
    sink: SinkSettings
    sample: SampleSettings | None = None
    profile: ProfileSettings | None = None
    join: JoinSettings | None = None
    clean: CleanSettings | None = None
    expect: ExpectSettings | None = None
    analyze: AnalyzeSettings | None = None
    features: FeatureSettings | None = None
    alerts: AlertSettings | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, variables: Mapping[str, str] | None = None) -> Self:
        """Return the recipe in a file.

        Args:
            path: The file.
            variables: Values for its placeholders, by name.

        Raises:
            ConfigError: It can't be read, or anything in it is wrong; all faults are named.

        """
        _, members = read_file(path)
        return cls.check(members, str(path), variables)

    @classmethod
    def check(
        cls, members: Mapping[str, Any], name: str = "recipe", variables: Mapping[str, str] | None = None
    ) -> Self:
        """Return the recipe of a file's members.

        Raises:
            ConfigError: As `load`.

        """
        found, faults = cls.draft(members, variables)
        if faults:
            raise ConfigError("\n".join(f"{name}: {fault}" for fault in faults))
        return found

    @classmethod
    def draft(cls, members: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> tuple[Self, list[Fault]]:
        """Return the recipe of a file's members as far as they are right, and all that is wrong with them."""
        members, used, wrong = fill(members, variables or {})
        faults = [Fault.placed(fault, KEYS) for fault in wrong]
        sections: dict[str, Any] = {}
        for section, given in members.items():
            if section not in SECTIONS:
                faults.append(Fault.at(f"unknown section [{section}]: {nearest(section, SECTIONS)}", None))
            elif not isinstance(given, Mapping):
                faults.append(Fault.at(f"{section} is not a section: write [{section}]", None))
            else:
                values, unusable = read_section(SECTIONS[section], section, given)
                sections[section] = SECTIONS[section](**values)
                faults += unusable
        if not faults:
            faults += (Fault.placed(fault, KEYS) for fault in inconsistencies(sections))
        sections = {"source": SourceSettings(), "sink": SinkSettings(), **sections}
        return cls(**sections, variables=used), faults

    def check_sample(self) -> None:
        """Refuse to take a sample that isn't drawn.

        Raises:
            ConfigError: It has no such section.

        """
        if self.sample is None:
            raise ConfigError("--on sample needs to know which: add [sample] to the recipe")

    def to_members(self) -> dict[str, Any]:
        """Return the members of a file that says the same, without options that are left out."""
        given = asdict(self)
        return {name: _plain(given[name]) for name in SECTIONS if given[name] is not None}


def read_file(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a recipe's file, and its members as they are written.

    Raises:
        ConfigError: It can't be read, or isn't TOML.

    """
    try:
        text = path.read_text(encoding="utf-8")
        return text, parse_toml(text)
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}: check the path") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error


def read_text(text: str) -> dict[str, Any]:
    """Return the members of a recipe's text.

    Raises:
        ConfigError: It isn't TOML.

    """
    try:
        return parse_toml(text)
    except (ValueError, RecursionError) as error:  # also of a number of thousands of digits
        raise ConfigError(f"not TOML: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return list(value) if isinstance(value, tuple) else value

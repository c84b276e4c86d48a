"""A recipe: one TOML file that says what the data should become. It is read and checked before anything is done."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.consistency import inconsistencies
from nlpbatch.recipe.preparation_settings import CleanSettings, ExpectSettings, JoinSettings
from nlpbatch.recipe.section_options import read_section
from nlpbatch.recipe.settings import (
    AnalyzeSettings,
    FeatureSettings,
    ProfileSettings,
    SampleSettings,
    SinkSettings,
    SourceSettings,
)
from nlpbatch.suggestions import nearest

_SECTIONS: Final[dict[str, type[Any]]] = {
    "source": SourceSettings,
    "sample": SampleSettings,
    "profile": ProfileSettings,
    "join": JoinSettings,
    "clean": CleanSettings,
    "expect": ExpectSettings,
    "analyze": AnalyzeSettings,
    "features": FeatureSettings,
    "sink": SinkSettings,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe; a stage that the file doesn't name isn't done."""

    source: SourceSettings
    sink: SinkSettings
    sample: SampleSettings | None = None
    profile: ProfileSettings | None = None
    join: JoinSettings | None = None
    clean: CleanSettings | None = None
    expect: ExpectSettings | None = None
    analyze: AnalyzeSettings | None = None
    features: FeatureSettings | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the recipe in a file.

        Raises:
            ConfigError: It can't be read, or anything in it is wrong; all faults are named.

        """
        try:
            members = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}: check the path") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: not TOML: {error}") from error
        return cls.check(members, str(path))

    @classmethod
    def check(cls, members: Mapping[str, Any], name: str = "recipe") -> Self:
        """Return the recipe of a file's members.

        Raises:
            ConfigError: As `load`.

        """
        faults: list[str] = []
        sections: dict[str, Any] = {}
        for section, given in members.items():
            if section not in _SECTIONS:
                faults.append(f"unknown section [{section}]: {nearest(section, _SECTIONS)}")
            elif not isinstance(given, Mapping):
                faults.append(f"{section} is not a section: write [{section}]")
            else:
                values, wrong = read_section(_SECTIONS[section], section, given)
                sections[section] = _SECTIONS[section](**values)
                faults += wrong
        if not faults:
            faults += inconsistencies(sections)
        if faults:
            raise ConfigError("\n".join(f"{name}: {fault}" for fault in faults))
        return cls(**sections)

    def to_members(self) -> dict[str, Any]:
        """Return the members of a file that says the same, without options that are left out."""
        return {name: _plain(value) for name, value in asdict(self).items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return list(value) if isinstance(value, tuple) else value

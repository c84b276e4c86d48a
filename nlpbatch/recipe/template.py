"""A recipe as it is written, its placeholders not yet filled: for those who run it with ever other values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nlpbatch.older_python import Self
from nlpbatch.recipe.recipe_file import Recipe, read_file
from nlpbatch.recipe.variables import DATE, placeholders

EXAMPLE_DATE: Final = "2000-01-01"
_DIGEST_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class RecipeTemplate:
    """A recipe's file.

    Args:
        path: Where it is.
        text: The whole file.
        members: What it says.

    """

    path: Path
    text: str
    members: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what is in a file now.

        Raises:
            ConfigError: It can't be read, or isn't TOML.

        """
        return cls(path, *read_file(path))

    @property
    def variables(self) -> frozenset[str]:
        """Return the variables that it needs; `ds` stands for all names of the date."""
        return frozenset(placeholders(self.members))

    @property
    def is_dated(self) -> bool:
        """Return whether it needs a date."""
        return DATE in self.variables

    @property
    def digest(self) -> str:
        """Return what is the same as long as the recipe says the same, whatever its comments and its layout."""
        said = json.dumps(self.members, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:_DIGEST_DIGITS]

    @property
    def output(self) -> str:
        """Return the directory that holds everything it writes, for all values of its variables."""
        path = str(self.members["sink"]["path"])
        before, braces, _ = path.partition("{{")
        return before.rpartition("/")[0] if braces else path.rstrip("/")

    def fill(self, variables: Mapping[str, str]) -> Recipe:
        """Return the recipe with these values.

        Raises:
            ConfigError: As `Recipe.load`.

        """
        return Recipe.check(self.members, str(self.path), variables)

    def example(self, variables: Mapping[str, str]) -> Recipe:
        """Return the recipe with an example of a date, to see what is wrong with it before there is one.

        Args:
            variables: Values of the other variables.

        Raises:
            ConfigError: As `Recipe.load`.

        """
        return self.fill({**({DATE: EXAMPLE_DATE} if self.is_dated else {}), **variables})

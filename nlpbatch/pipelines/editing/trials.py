"""The trials of all recipes: one at a time of each, and few at a time of all, because each is a Spark."""

from collections.abc import Mapping
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.draft import assignments, check
from nlpbatch.pipelines.editing.trial import Trial
from nlpbatch.recipe.recipe_file import read_text

_MOST: Final = 2


class Trials:
    """The last trial of each recipe, by the name of its file."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}

    async def start(self, name: str, text: str, given: Mapping[str, str], *, overwrite: bool) -> Trial:
        """Start one.

        Args:
            name: Of the recipe.
            text: Its file, as it is edited.
            given: Values for its placeholders.
            overwrite: As `Trial`.

        Raises:
            ConfigError: The recipe can't be run, all faults are named; or one is under way.

        """
        before = self._trials.get(name)
        if before is not None and not before.is_over:
            raise ConfigError(f"a trial of {name} is under way: wait for it, or stop it")
        if sum(not one.is_over for one in self._trials.values()) >= _MOST:
            raise ConfigError(f"{_MOST} trials are under way, each with a Spark of its own: wait for one, or stop it")
        members = read_text(text)
        recipe, faults = check(members, given)
        if faults:
            raise ConfigError("\n".join(faults))
        recipe.check_sample()
        trial = Trial(recipe, name, text, assignments(members, given), overwrite=overwrite)
        self._trials[name] = trial  # at once: nobody else starts one meanwhile
        try:
            await trial.start()
        except OSError as error:
            del self._trials[name]
            raise ConfigError(f"a trial can't be started: {error.strerror}") from error
        return trial

    def get(self, name: str) -> Trial | None:
        """Return the last trial of a recipe; None if there was none."""
        return self._trials.get(name)

    async def stop_all(self) -> None:
        """Stop all, and return when they have ended."""
        for trial in self._trials.values():
            await trial.stop()

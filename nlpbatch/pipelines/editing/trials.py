"""The trials of all recipes: one at a time of each, and few at a time of all, because each is a Spark."""

import asyncio
from collections.abc import Mapping
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.draft import assignments, check
from nlpbatch.pipelines.editing.trial import Trial
from nlpbatch.recipe.recipe_file import Recipe, read_text

_MOST: Final = 2


class Trials:
    """The last trial of each recipe, by the name of its file."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}
        self._starting: set[asyncio.Task[None]] = set()

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
        recipe, settings = await asyncio.to_thread(_checked, text, given)
        before = self._trials.get(name)
        if before is not None and not before.is_over:
            raise ConfigError(f"a trial of {name} is under way: wait for it, or stop it")
        if sum(not one.is_over for one in self._trials.values()) >= _MOST:
            raise ConfigError(f"{_MOST} trials are under way, each with a Spark of its own: wait for one, or stop it")
        trial = Trial(recipe, name, text, settings, overwrite=overwrite)
        self._trials[name] = trial  # at once: nobody else starts one meanwhile
        starting = asyncio.create_task(self._begin(name, trial), name="trial start")
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        await asyncio.shield(starting)  # whoever hangs up meanwhile must not leave a process that nobody follows
        return trial

    async def _begin(self, name: str, trial: Trial) -> None:
        try:
            await trial.start()
        except BaseException as error:
            del self._trials[name]
            if isinstance(error, OSError):
                raise ConfigError(f"a trial can't be started: {error.strerror}") from error
            raise

    def get(self, name: str) -> Trial | None:
        """Return the last trial of a recipe; None if there was none."""
        return self._trials.get(name)

    async def stop_all(self) -> None:
        """Stop all, and return when they have ended."""
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(trial.stop() for trial in self._trials.values()))


def _checked(text: str, given: Mapping[str, str]) -> tuple[Recipe, list[str]]:
    """Return a recipe that can be tried, and the values of its placeholders as `--set` takes them."""
    members = read_text(text)
    recipe, faults = check(members, given)
    if faults:
        raise ConfigError("\n".join(faults))
    recipe.check_sample()
    return recipe, assignments(members, given)

"""The stages of a recipe, one file each: what decides the result of each, and how it is made."""

from collections.abc import Iterable
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.stages.analyze import AnalyzeStage
from nlpbatch.recipe.stages.clean import CleanStage
from nlpbatch.recipe.stages.dump import DumpStage
from nlpbatch.recipe.stages.expect import ExpectErrorsStage, ExpectStage
from nlpbatch.recipe.stages.features import FeaturesStage
from nlpbatch.recipe.stages.join import JoinStage
from nlpbatch.recipe.stages.profile import ProfileStage
from nlpbatch.recipe.stages.sample import SampleStage
from nlpbatch.recipe.stages.stage import DIRECTORIES, DUMP, FEATURES, PREPARING, Stage, StageContext

_STAGES: Final[tuple[type[Stage], ...]] = (
    DumpStage,
    SampleStage,
    ProfileStage,
    JoinStage,
    CleanStage,
    ExpectStage,
    AnalyzeStage,
    ExpectErrorsStage,
    FeaturesStage,
)
STAGES: Final = tuple(stage.name for stage in _STAGES)


def stages_of(context: StageContext) -> tuple[Stage, ...]:
    """Return the stages that a recipe has, in order."""
    recipe, expect = context.recipe, context.recipe.expect
    wanted = {
        "dump": recipe.source.query,
        "sample": recipe.sample,
        "profile": recipe.profile,
        "join": recipe.join,
        "clean": recipe.clean,
        "expect": expect if expect is not None and expect.of_rows else None,
        "analyze": recipe.analyze,
        "expect-errors": None if expect is None else expect.error_ratio,
        "features": recipe.features,
    }
    return tuple(stage(context) for stage in _STAGES if wanted[stage.name] is not None)


def check_directories(stages: Iterable[Stage]) -> None:
    """Refuse to replace a directory that no stage made; the job itself checks that of the analysis.

    Raises:
        ConfigError: A directory that is replaced as a whole exists, and was made by no stage.

    """
    replaced = {DUMP, FEATURES, *(DIRECTORIES[name] for name in PREPARING)}
    for stage in stages:
        directory = stage.makes.partition("/")[0]
        made = stage.record() is not None or stage.storage.exists(stage.makes)
        if directory in replaced and not made and stage.storage.names(directory):
            raise ConfigError(
                f"{stage.storage.within(directory)} is there and was not made by a recipe: choose another [sink] path"
            )

"""The graph that is known without Spark is that of the stages themselves."""

import pytest

from nlpbatch.recipe.graph import ancestors, graph_of, published
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages import stages_of

JOIN = {"table": "web.films", "on": "movie_id"}
ADDED = {
    "join": JOIN,
    "clean": {},
    "expect": {"rows": {"min": 1}, "error_ratio": 0.1},
    "rows": {"rows": {"min": 1}},
    "errors": {"error_ratio": 0.1},
}
"""Sections that the context's recipe hasn't; [expect] is two stages, and may be either."""


# A recipe without a sample isn't run on it.
@pytest.mark.parametrize(
    ("on_sample", "left_out"),
    [
        *((on_sample, left_out) for on_sample in (False, True) for left_out in ((), ("features",), ("profile",))),
        (False, ("sample", "profile")),
    ],
)
@pytest.mark.parametrize("source", [{"sql": "SELECT 1"}, {"files": "/in"}])
@pytest.mark.parametrize("expect", [None, "expect", "rows", "errors"])
@pytest.mark.parametrize("prepared", [(), ("join",), ("clean",), ("join", "clean")])
def test_it_is_that_of_the_stages(context, source, on_sample, left_out, expect, prepared):
    added = {name: ADDED[name] for name in prepared} | ({"expect": ADDED[expect]} if expect else {})
    made = context(RunOptions(on_sample=on_sample), source=source, **dict.fromkeys(left_out), **added)
    stages = stages_of(made)
    present = {stage.name for stage in stages}
    graph = graph_of(made.recipe, on_sample=on_sample)
    assert graph == {stage.name: tuple(one for one in stage.needs if one in present) for stage in stages}
    assert list(graph) == [stage.name for stage in stages]


def test_a_stage_is_made_of_those_before_those_before_it(context):
    graph = graph_of(context().recipe)
    assert ancestors(graph, "features") == ["dump", "analyze"]
    assert ancestors(graph, "profile") == ["dump", "sample"]
    assert ancestors(graph, "dump") == []


def test_the_output_is_what_the_last_stage_makes_that_makes_rows(context):
    assert published(graph_of(context().recipe)) == "features"
    assert published(graph_of(context(features=None).recipe)) == "analyze"
    assert published(graph_of(context(features=None, analyze=None, profile=None).recipe)) == "dump"

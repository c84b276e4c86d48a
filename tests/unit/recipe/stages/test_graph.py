"""The graph that is known without Spark is that of the stages themselves."""

import itertools

import pytest

from nlpbatch.recipe.graph import ancestors, graph_of, published
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages import STAGES, stages_of

OPTIONAL = [name for name in STAGES if name != "dump"]


@pytest.mark.parametrize("on_sample", [False, True])
@pytest.mark.parametrize("source", [{"sql": "SELECT 1"}, {"files": "/in"}])
def test_it_is_that_of_the_stages(context, source, on_sample):
    options = RunOptions(on_sample=on_sample)
    seen = 0
    for size in range(len(OPTIONAL) + 1):
        for left_out in itertools.combinations(OPTIONAL, size):
            if {"sample", "profile"} & {*left_out} == {"sample"} or {"analyze", "features"} & {*left_out} == {
                "analyze"
            }:
                continue
            if "analyze" in left_out and "profile" not in left_out:
                continue
            made = context(options, source=source, **dict.fromkeys(left_out))
            stages = stages_of(made)
            present = {stage.name for stage in stages}
            wanted = {stage.name: tuple(one for one in stage.needs if one in present) for stage in stages}
            graph = graph_of(made.recipe, on_sample=on_sample)
            assert graph == wanted
            assert list(graph) == [stage.name for stage in stages]
            seen += 1
    assert seen >= 8


def test_a_stage_is_made_of_those_before_those_before_it(context):
    graph = graph_of(context().recipe)
    assert ancestors(graph, "features") == ["dump", "analyze"]
    assert ancestors(graph, "profile") == ["dump", "sample"]
    assert ancestors(graph, "dump") == []


def test_the_output_is_what_the_last_stage_makes_that_makes_rows(context):
    assert published(graph_of(context().recipe)) == "features"
    assert published(graph_of(context(features=None).recipe)) == "analyze"
    assert published(graph_of(context(features=None, analyze=None, profile=None).recipe)) == "dump"

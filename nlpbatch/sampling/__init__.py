"""Draws random rows of data sets that are too large to read; only the parts that hold the rows are read."""

from nlpbatch.sampling.design import Choice, Design, Unit, choose
from nlpbatch.sampling.estimates import Estimate, mean
from nlpbatch.sampling.options import SampleOptions
from nlpbatch.sampling.sample import Sample, estimate, read_sample, sample, write_sample

__all__ = [
    "Choice",
    "Design",
    "Estimate",
    "Sample",
    "SampleOptions",
    "Unit",
    "choose",
    "estimate",
    "mean",
    "read_sample",
    "sample",
    "write_sample",
]

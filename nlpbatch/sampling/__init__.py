"""Random rows of data sets that are too large to be read: only the parts are read that they are taken from."""

from nlpbatch.sampling.design import Design, Unit, choose
from nlpbatch.sampling.estimates import Estimate, mean
from nlpbatch.sampling.options import SampleOptions
from nlpbatch.sampling.sample import Sample, read_sample, sample, write_sample

__all__ = [
    "Design",
    "Estimate",
    "Sample",
    "SampleOptions",
    "Unit",
    "choose",
    "mean",
    "read_sample",
    "sample",
    "write_sample",
]

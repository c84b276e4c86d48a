"""A first look at a data set of texts, from a sample of it: one HTML file, and the same as JSON."""

from nlpbatch.profile.measures import ProfileColumns, measure
from nlpbatch.profile.page import to_html
from nlpbatch.profile.tokens import analyse

__all__ = ["ProfileColumns", "analyse", "measure", "to_html"]

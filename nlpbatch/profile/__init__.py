"""A first look at a data set of texts, from a sample of it: one HTML file, and the same as JSON."""

from nlpbatch.profile.report import page, report, to_json
from nlpbatch.profile.view import ProfileColumns

__all__ = ["ProfileColumns", "page", "report", "to_json"]

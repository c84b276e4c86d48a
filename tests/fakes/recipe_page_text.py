"""A recipe that the page shows."""

TEXT = """\
# Ours, by hand
[source]
files = "in.jsonl"

[analyze]
columns = ["text"] # one

[sink]
path = "out"
"""

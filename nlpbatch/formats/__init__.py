"""Recognises files: by their names, their characters, the dialect of their CSV and the shape of their JSON.

Pure Python that jobs, samples, recipes and the demo share, so that two readers of one format agree by construction.
"""

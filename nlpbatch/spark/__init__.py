"""Spark integration: `analyze` adds tokens to a DataFrame."""

"""The analysis engine: Kiwi, and the pool of worker processes that runs it one document at a time."""

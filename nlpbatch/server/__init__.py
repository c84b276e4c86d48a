"""The analysis API on aiohttp."""

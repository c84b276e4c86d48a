"""Clients of the service: a pure retry policy, a blocking client and an asyncio one."""

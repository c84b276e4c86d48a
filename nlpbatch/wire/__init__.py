"""The HTTP contract: media types, headers, messages, Arrow schemas, problem documents and size limits."""

"""Parts that the API and the proxy share as HTTP servers: problem documents, request ids, drain, logs, health."""

"""Several proxy processes on one host that are one to callers and operator: a supervisor and its workers."""

"""`nlpbatch deploy`: has the service run on a cluster."""

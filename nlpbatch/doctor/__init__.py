"""`nlpbatch doctor`: whether this machine, the cluster and the service are as a job or a caller needs them.

One module for each kind of check; none needs more than the base installation, for what is absent is a finding.
"""

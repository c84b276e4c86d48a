"""`nlpbatch scale`: makes true what the proxies say of the number of workers."""

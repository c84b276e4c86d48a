"""`nlpbatch runs`: what the records below a directory say of jobs and recipes; no Spark, no database."""

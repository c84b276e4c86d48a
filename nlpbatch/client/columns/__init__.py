"""Arrow columns of any length through the service, for Spark tasks, files and tables alike; needs pyarrow."""

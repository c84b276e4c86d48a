"""spark-submit scripts: parse options, call the library, return an exit code."""

"""What operators change while the proxy runs: keys, and the log of all such changes."""

"""The backends: which there are, how they are, and how to talk to them."""

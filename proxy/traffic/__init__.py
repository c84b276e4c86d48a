"""Decides what may come in, who is next and which backend. Pure: the time and chance are arguments."""

"""What an operator asks before a change: check, diff, explain, simulate."""

"""The secret of a fleet that shares a ledger."""

SECRET = "a secret of the fleet"

"""The operator's dashboard: what it shows, what it lets an operator try, and who may reach the admin listener."""

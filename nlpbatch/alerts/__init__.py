"""Tells people and programs how a run ended: webhook, e-mail, command. Pure Python, because drivers run anywhere."""

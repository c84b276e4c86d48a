"""Texts for calls of several parts, and what is looked at of them."""

import json

PART_DOCUMENTS = 10


def forms(outcomes):
    return [outcome.tokens and outcome.tokens[0].form for outcome in outcomes]


def asked(calls):
    return [json.loads(request.body)["texts"] for request in calls.transport.requests if request.body]


TEXTS = [f"글 {number}" for number in range(3 * PART_DOCUMENTS + 7)]

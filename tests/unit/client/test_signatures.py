"""Both clients offer the same methods with the same signatures, but for what awaiting changes."""

import inspect
from collections.abc import AsyncIterable, Coroutine
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_overloads

import pytest

from nlpbatch import AsyncClient, AsyncOutcomeStream, Client, OutcomeStream

METHODS = sorted({name for name, _ in inspect.getmembers(Client, callable) if not name.startswith("_")} | {"__init__"})
BLOCKING = {AsyncOutcomeStream: OutcomeStream, "AsyncBatchReader": "pa.RecordBatchReader"}


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def without_awaiting(annotation: Any) -> Any:
    """Return the blocking client's form of an annotation: no coroutine, no async iterator; a union as a set."""
    if get_origin(annotation) is Coroutine:
        return without_awaiting(get_args(annotation)[-1])
    if get_origin(annotation) in (Union, UnionType):
        kept = [one for one in get_args(annotation) if get_origin(one) is not AsyncIterable]
        return frozenset(map(without_awaiting, kept)) if len(kept) > 1 else without_awaiting(kept[0])
    return BLOCKING.get(annotation, annotation)


def comparable(function):
    signature = inspect.signature(function)
    parameters = [
        (one.name, one.kind, one.default, without_awaiting(one.annotation)) for one in signature.parameters.values()
    ]
    return parameters, without_awaiting(signature.return_annotation)


def test_both_clients_have_the_same_public_names():
    assert public(Client) == public(AsyncClient)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_same_signature_in_both_clients(name):
    assert comparable(getattr(AsyncClient, name)) == comparable(getattr(Client, name))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_same_overloads_in_both_clients(name):
    asynchronous, blocking = (get_overloads(getattr(client, name)) for client in (AsyncClient, Client))
    assert list(map(comparable, asynchronous)) == list(map(comparable, blocking))


def test_properties_have_the_same_types():
    names = {name for name, _ in inspect.getmembers(Client, lambda member: isinstance(member, property))}
    assert names == {"service"}
    assert comparable(AsyncClient.service.fget) == comparable(Client.service.fget)

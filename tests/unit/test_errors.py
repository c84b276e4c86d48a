import copy
import inspect
import pickle

import pytest

import nlpbatch
from nlpbatch import errors
from nlpbatch.errors import NlpbatchError
from tests.fakes.error_tree import leaves

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, NlpbatchError)]
LEAVES = leaves()


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_travels_from_executor_to_driver_with_all_it_carries(cls):
    error = cls("값: 5", retry_after_s=1.5, request_id="r-1", limit=5, path="/texts/3")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert (str(twin), twin.message) == ("값: 5", "값: 5")
        assert (twin.retry_after_s, twin.request_id) == (1.5, "r-1")
        assert twin.details == {"limit": 5, "path": "/texts/3"}


def test_details_may_have_any_name():
    error = errors.InvalidRequest("…", message="another", self=1, cls=2)
    assert pickle.loads(pickle.dumps(error)).details == {"message": "another", "self": 1, "cls": 2}


def test_every_code_belongs_to_one_class():
    codes = [cls.code for cls in LEAVES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_drawn_tree_is_complete(cls):
    assert cls.__name__ in errors.__doc__
    if cls in LEAVES:
        assert any(line.split()[-1:] == [cls.code] or f" {cls.code} " in line for line in errors.__doc__.splitlines())


def test_retrying_is_worth_it_for_these_and_no_others():
    assert {cls.code for cls in LEAVES if cls.retryable} == {
        "quota_exceeded",
        "budget_exhausted",
        "queue_full",
        "tenant_paused",
        "no_capacity",
        "draining",
        "internal",
        "backend_failed",
        "service_unreachable",
        "service_timeout",
    }


@pytest.mark.parametrize("name", nlpbatch.__all__)
def test_every_public_name_is_real(name):
    assert getattr(nlpbatch, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Clientt'"):
        nlpbatch.Clientt  # noqa: B018

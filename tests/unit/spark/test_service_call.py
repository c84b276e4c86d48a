import dataclasses
import pickle

import pytest

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import InvalidRequest
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.wire.options import Options

KEY = "nlpb_secret"


def call(**changes):
    return ServiceCall("http://proxy.example:8700", Options(fields=("form",)), "job-1", api_key=KEY, **changes)


def test_a_call_is_the_same_after_it_has_travelled_to_an_executor():
    sent = call(request_bytes=2048, in_flight=7, retry=RetryPolicy(patience_s=1))
    assert pickle.loads(pickle.dumps(sent)) == sent


def test_a_call_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        call().job = "job-2"


def test_the_key_is_not_in_what_is_printed_of_a_call():
    assert KEY not in repr(call())


def test_a_changed_copy_is_checked_too():
    with pytest.raises(InvalidRequest, match="in_flight is 0, must be 1 to 256"):
        dataclasses.replace(call(), in_flight=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_flight": 257}, "in_flight is 257, must be 1 to 256: choose a value in that range"),
        ({"in_flight": True}, "in_flight is True: give a whole number from 1 to 256"),
        ({"request_bytes": 1023}, "request_bytes is 1,023, must be 1,024 to 8,388,608"),
        ({"request_bytes": 0, "in_flight": 0}, "request_bytes is 0, .*; in_flight is 0, "),
    ],
)
def test_numbers_out_of_range_are_refused_with_their_range(changes, message):
    with pytest.raises(InvalidRequest, match=message):
        call(**changes)


def test_the_clients_of_a_process_share_the_choice_among_the_addresses_of_a_service():
    sent = pickle.loads(pickle.dumps(call()))
    assert sent.endpoints() is call(in_flight=7).endpoints()
    other = dataclasses.replace(call(), service="http://proxy.example:8700,http://other.example:8700")
    assert other.endpoints() is not sent.endpoints()
    assert other.endpoints().service == other.service

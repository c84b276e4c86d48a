import aiohttp
import pytest

from proxy.upstream.client import _caller_may_leave


def test_a_caller_that_hung_up_is_not_taken_for_a_backend_that_did():
    with pytest.raises(ConnectionError) as caught, _caller_may_leave():
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
    assert not isinstance(caught.value, aiohttp.ClientError)

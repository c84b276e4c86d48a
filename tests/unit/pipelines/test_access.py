import base64

import pytest
from aiohttp.test_utils import make_mocked_request

from nlpbatch.errors import NotFound, TooManyFailedKeys, Unauthenticated
from nlpbatch.pipelines.access import PageAccess
from nlpbatch.serving.failed_keys import PER_MINUTE

KEY = "a key that is long enough"
HERE = {"Host": "127.0.0.1:8704"}


def request(path="/", **headers):
    return make_mocked_request("GET", path, HERE | {name.replace("_", "-"): one for name, one in headers.items()})


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_without_a_key_or_a_token_this_machine_sees_it_under_its_own_names_alone():
    access = PageAccess(None)
    for host in ("127.0.0.1:8704", "localhost:8704", "[::1]:8704"):
        access.check(request(Host=host))
    for host in ("evil.example", "10.0.0.1", "localhost.evil.example"):
        with pytest.raises(NotFound, match="this is no page of"):
            access.check(request(Host=host))


def test_an_address_that_fails_too_often_waits_and_a_valid_key_is_let_in_all_the_same():
    clock = [0.0]
    access = PageAccess(KEY, now=lambda: clock[0])
    for _ in range(PER_MINUTE):
        with pytest.raises(Unauthenticated):
            access.check(request(**bearer("wrong")))
    with pytest.raises(TooManyFailedKeys, match="120 requests in a minute") as caught:
        access.check(request(**bearer("wrong")))
    assert caught.value.retry_after_s == pytest.approx(0.5)
    with pytest.raises(TooManyFailedKeys):
        access.admit(request())
    access.check(request(**bearer(KEY)))
    clock[0] = 0.5
    assert access.admit(request()).status == 401


def test_the_address_with_the_token_becomes_a_cookie_and_the_same_address_without_it():
    access = PageAccess(None, "t0ken")
    answer = access.admit(request("/recipes?a=1&token=t0ken"))
    assert (answer.status, answer.headers["Location"]) == (303, "/recipes?a=1")
    (cookie,) = answer.cookies.values()
    assert (cookie.key, cookie.value, cookie["httponly"], cookie["samesite"]) == (
        "nlpbatch-runs-8704",
        "t0ken",
        True,
        "Lax",
    )
    access.check(request(Cookie="nlpbatch-runs-8704=t0ken"))
    assert access.admit(request(Cookie="nlpbatch-runs-8704=t0ken")) is None


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("wrong"), {"Cookie": "nlpbatch-runs-8704=wrong"}, {"Cookie": "nlpbatch-runs-9000=t0ken"}],
)
def test_without_the_token_nobody_sees_anything(headers):
    access = PageAccess(None, "t0ken")
    with pytest.raises(Unauthenticated, match="open the address that nlpbatch runs printed"):
        access.check(request(**headers))
    for path in ("/recipes", "/recipes?token=wrong", "/recipes?token=%ED%A0%80"):
        answer = access.admit(request(path, **headers))
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_programs_send_the_token_as_a_key():
    access = PageAccess(None, "t0ken")
    access.check(request(**bearer("t0ken")))
    access.check(request(Authorization=f"Basic {base64.b64encode(b'x:t0ken').decode()}"))


def test_under_another_name_the_token_opens_nothing():
    access = PageAccess(None, "t0ken")
    with pytest.raises(NotFound):
        access.admit(request("/recipes?token=t0ken", Host="evil.example"))


def test_a_key_needs_no_token_and_is_good_under_every_name():
    PageAccess(KEY, "t0ken").check(request(Host="runs.example.com", **bearer(KEY)))
    with pytest.raises(Unauthenticated):
        PageAccess(KEY, "t0ken").check(request(**bearer("t0ken")))

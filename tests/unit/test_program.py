import pytest

from nlpbatch import errors
from nlpbatch.program import exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("…"), 2),
        (errors.InvalidRequest("…"), 2),
        (errors.StorageFull("…"), 1),
        (errors.CatalogAway("…"), 1),
        (errors.ServiceUnreachable("…"), 1),
        (errors.TooManyErrors("…"), 1),
    ],
)
def test_the_exit_code_says_whether_the_same_command_may_succeed_later(error, code):
    assert exit_code(error) == code

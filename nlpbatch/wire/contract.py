"""The version of the HTTP contract, and what client and service do when theirs differ.

The major version is in the path: `/v1/`. Within it nothing that docs/wire-contract.md promises changes or goes away;
the minor version counts what was added. tests/unit/wire/test_contract.py holds the contract to its record.
"""

import re
from typing import Any, Final

from nlpbatch.errors import UnexpectedAnswer

CONTRACT_VERSION: Final = "1.0"
MAJOR: Final = CONTRACT_VERSION.partition(".")[0]
_OTHER_MAJOR: Final = re.compile(r"/v(\d{1,9})(?:/|$)", re.ASCII)


def check_contract(stated: Any) -> str:
    """Return the version that a service states; one that states none is older and speaks 1.0.

    Raises:
        UnexpectedAnswer: It has another major version, which this client doesn't understand.

    """
    if stated is None:
        return "1.0"
    if not isinstance(stated, str) or stated.partition(".")[0] != MAJOR:
        raise UnexpectedAnswer(
            f"the service speaks version {str(stated)[:40]} of the contract, this client {CONTRACT_VERSION}: install "
            "the nlpbatch that the service has, and write the executors' bundle again"
        )
    return stated


def other_major_of(path: str) -> str | None:
    """Return the major version of the contract that a path is about, None if it isn't about another one than ours."""
    found = _OTHER_MAJOR.match(path)
    return found[1] if found is not None and found[1] != MAJOR else None

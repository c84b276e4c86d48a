"""Whether versions of this product fit together."""

import re

from nlpbatch.doctor.finding import Finding


def compare_versions(service: str, ours: str, theirs: str) -> Finding:
    """Return whether a client and a service fit: the contract is the same within a major version, before 1.0 a minor.

    0.1 spoke what became version 1 of the contract, and fits with 1.x.

    Args:
        service: Its address, for the message.
        ours: The version of this installation.
        theirs: What the service states.

    """
    details = {"service": service, "client": ours, "service_version": theirs}
    said = f"client {ours}, service {theirs}"
    if _contract(ours) == _contract(theirs):
        return Finding("versions", "fine", f"{service}: {said}", details=details)
    remedy = "install the same version on both sides: pip install nlpbatch==VERSION, and nlpbatch bundle again"
    return Finding("versions", "look", f"{service}: {said}, which may not understand each other", remedy, details)


def _contract(version: str) -> tuple[str, ...]:
    """Return the part of a version within which nothing is taken out of the contract."""
    numbers = re.findall(r"\d+", version)[:2]
    if numbers == ["0", "1"]:
        return ("1",)
    return tuple(numbers[:1] if numbers and numbers[0] != "0" else numbers)

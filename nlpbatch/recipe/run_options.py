"""How a recipe is run."""

import os
from dataclasses import dataclass, field
from typing import Any

from nlpbatch.older_python import Self


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a recipe is run.

    Args:
        on_sample: Whether analyze and features take the sample instead of everything.
        stage: The only stage to run; None for all that are not done.
        overwrite: Whether to run what is done already: all stages, or the only stage and those made from its result.
        dry_run: Whether to only say what would be done.
        service: Address of the proxy, or several with commas between them, if the recipe names none.
        api_key: The key for it.
        name: Of the recipe's file, for records.

    """

    on_sample: bool = False
    stage: str | None = None
    overwrite: bool = False
    dry_run: bool = False
    service: str | None = None
    api_key: str | None = field(default=None, repr=False)
    name: str = ""

    @classmethod
    def from_environment(cls, **given: Any) -> Self:
        """Return options with the service and the key that the environment names."""
        api_key = os.environ.get("NLPBATCH_API_KEY") or None
        return cls(service=os.environ.get("NLPBATCH_SERVICE"), api_key=api_key, **given)

"""The configuration of an API that analyses each text, also one that it has answered before."""

from pathlib import Path
from typing import Final

NO_CACHE: Final = Path(__file__).with_suffix(".toml")

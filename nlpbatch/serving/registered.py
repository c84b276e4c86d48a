"""What an API and the proxies that it registers at agree on."""

from typing import Final

PATH: Final = "/registrations"
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$"
"""What an API may call itself."""
PROXY_URL: Final = r"^https?://[^\s/@]+$"
"""Where an API registers."""
NAME_VARIABLE: Final = "NLPBATCH_REGISTRATION_NAME"
"""Has the name of an API whose configuration has none: containers of a service share their configuration."""

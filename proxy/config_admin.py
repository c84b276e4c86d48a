"""The operator's listener, as configured."""

from typing import Self

from pydantic import Field, model_validator

from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.secrets import ADMIN_KEY_VARIABLE, read_secret


class AdminSettings(EndpointSettings):
    """Where the operator comes in. Without a key, let nobody else reach it."""

    enabled: bool = True
    port: int = Field(8702, ge=0, le=65535)
    key_file: str | None = Field(None, min_length=1)
    """The key that the operator has to know; without a file, the environment may have it."""

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        self.key()
        return self

    def key(self) -> str | None:
        """Return the key from `key_file` or the environment; None without one.

        Raises:
            ValueError: The file can't be read, or the key has under 16 characters.

        """
        return read_secret(self.key_file, "admin.key_file", ADMIN_KEY_VARIABLE)

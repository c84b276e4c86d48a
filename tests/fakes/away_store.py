"""The shared store as it is while nobody can reach it."""

from proxy.shared.store import StoreAway


class AwayCopy:
    """A copy of keys that never reaches its store."""

    def compare(self) -> None:
        """Do so when the store is back, which it never is."""

    async def sync(self) -> None:
        """Fail."""
        raise StoreAway

    async def add(self, _: object) -> None:
        """Fail."""
        raise StoreAway


class AwayJournal:
    """A journal that fails until it is `back`, and then keeps what it gets."""

    def __init__(self) -> None:
        self.back = False
        self.texts: list[bytes] = []

    async def append(self, texts: list[str]) -> None:
        """Keep these, or fail."""
        if not self.back:
            raise StoreAway
        self.texts += [text.encode() for text in texts]

    async def read(self, limit: int) -> list[bytes]:
        """Return the newest, or fail."""
        if not self.back:
            raise StoreAway
        return self.texts[::-1][:limit]

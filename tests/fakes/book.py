"""A ledger's book that is away when a test says so, and forgets the answer to a batch when a test says so."""

from proxy.ledger.book import BookAway, Carried


class FailingBook:
    """Passes everything on to another book.

    Args:
        book: The real one.

    """

    touch_period_s = 0.0

    def __init__(self, book):
        self.book = book
        self.away = False
        self.fails = False
        self.loses_answers = False
        self.batches = []

    @property
    def ahead_s(self):
        return self.book.ahead_s

    async def open(self):
        await self.book.open()

    async def close(self):
        await self.book.close()

    async def carry(self, batch):
        if self.fails:
            raise BookAway("fails")
        self.batches.append(batch)
        found = await self.book.carry(batch)
        if self.loses_answers:
            raise BookAway("no answer")
        return found

    async def touch(self, journal):
        if self.fails:
            raise BookAway("fails")
        await self.book.touch(journal)

    async def leave(self, journal):
        await self.book.leave(journal)

    async def read(self, query, journal):
        return await self.book.read(query, journal)

    async def bytes_of(self, tenant, period):
        return await self.book.bytes_of(tenant, period)


class BeyondBook(FailingBook):
    """Says of every batch that a later one was counted before."""

    async def carry(self, batch):
        self.batches.append(batch)
        return Carried.BEYOND

"""Batches of rows in, the same rows with their outcomes out, in order, with several requests under way."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from nlpbatch.client.cancellation import Cancellation
from nlpbatch.client.columns.bisecting_client import BisectedAnswer, BisectingClient, Send
from nlpbatch.client.columns.blocks import Block, Cut, cut_batch, join_block
from nlpbatch.client.columns.pacing import Pacing
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.ordered_calls import Bounds, in_order
from nlpbatch.wire.limits import MIB
from nlpbatch.wire.options import Options

_AHEAD_PER_CALL: Final = 8
"""Requests that may be taken per one in flight: answers that wait for a slow one before them."""
_HELD_BYTES: Final = 64 * MIB
"""Rows and texts that are held before more are taken: one batch of wide rows as Spark cuts them."""


@dataclass(frozen=True, slots=True)
class _BlockRequest:
    """One request of a block; the last one has no texts and closes the block."""

    block: Block
    texts: pa.Array | None

    def size_bytes(self) -> int:
        """Return what is held until it is answered: its texts, or all columns of the block's rows."""
        return int(self.block.rows.nbytes if self.texts is None else self.texts.nbytes)


class BatchAnswers:
    """Answers the texts of one column, batch by batch.

    Args:
        send: Sends the texts of one request.
        asked: What is asked of each text.
        text: Position of the column.
        cut: How large blocks and requests may be.
        in_flight: Most requests under way.
        cancellation: Ends the requests under way when the caller wants no more rows; None lets them end by themselves.

    Attributes:
        stats: What was done so far, without what the client did.
        pacing: Bounds the bytes under way; to be informed of the proxy's advice and refusals.

    """

    def __init__(
        self,
        send: Send,
        asked: Options,
        *,
        text: int,
        cut: Cut,
        in_flight: int,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._bisecting = BisectingClient(send, asked)
        self._asked = asked
        self._text = text
        self._cut = cut
        self._cancellation = cancellation
        self._bounds = Bounds(in_flight, in_flight * _AHEAD_PER_CALL, _HELD_BYTES)
        self.pacing = Pacing(in_flight, cut.request_bytes)
        self.stats = TaskStats()

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
        """Yield the blocks of all batches in row order; see `join_block`.

        Raises:
            NlpbatchError: The service can't answer at all, or refuses this caller.

        """
        answers: list[pa.Table] = []
        requests, size_bytes, has_room = self._requests(batches), _BlockRequest.size_bytes, self.pacing.has_room
        on_abandon = None if self._cancellation is None else self._cancellation.cancel
        for request, answer in in_order(
            requests, self._call, bounds=self._bounds, size_bytes=size_bytes, has_room=has_room, on_abandon=on_abandon
        ):
            if answer is not None:
                answers.append(answer.table)
                self.stats += answer.stats
                self.pacing.answered(answer.stats.answered_bytes)
                continue
            joined = join_block(request.block, answers, self._cut, self._asked)
            errors = joined.column(joined.num_columns - 1)
            documents = joined.num_rows - joined.column(self._text).null_count
            self.stats += TaskStats(documents=documents, failed=len(errors) - errors.null_count)
            yield joined
            answers = []

    def _call(self, request: _BlockRequest) -> BisectedAnswer | None:
        if request.texts is None:
            return None
        if self._cancellation is None:
            return self._bisecting.answer(request.texts)
        return self._cancellation.call(self._bisecting.answer, request.texts)

    def _requests(self, batches: Iterable[pa.RecordBatch]) -> Iterator[_BlockRequest]:
        for batch in batches:
            for block in cut_batch(batch, self._text, self._cut, self._asked.operation):
                for request in block.requests:
                    yield _BlockRequest(block, block.texts(request))
                yield _BlockRequest(block, None)

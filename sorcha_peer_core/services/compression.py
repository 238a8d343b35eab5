"""Which batches of a link are compressed: those that become clearly smaller. Those that do not are soon left alone."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.wire.compress import BatchRefused, compressed, plain

SMALL_BYTES = 1024
"""Up to here a batch is sent as it is."""
WORTH_PERCENT = {Form.ZSTD: 90, Form.ZLIB: 80}
"""A batch is sent compressed if that makes it no larger than this. zlib takes about five times the work, and has to save more."""
LONGEST_REST = 64
"""Times as many bytes as were tried in vain: a link that carries noise costs a 65th of what compressing all of it would."""


@dataclass(slots=True)
class CompressionCounters:
    """Of one node since it started. Only batches that crossed a link compressed count in the bytes."""

    sent_plain_bytes: int = 0
    sent_bytes: int = 0
    received_plain_bytes: int = 0
    received_bytes: int = 0
    unpaid: int = 0
    """Batches that were compressed and sent as they are, since it did not pay."""
    refused: int = 0
    """Batches that were not what they said; each ended its link."""

    def sent(self, plain: int, packed: int) -> None:
        """A batch of so many bytes went out as so many."""
        self.sent_plain_bytes += plain
        self.sent_bytes += packed

    def received(self, packed: int, plain: int) -> None:
        """A batch of so many bytes came, and had so many inside."""
        self.received_bytes += packed
        self.received_plain_bytes += plain


def expand(batch: bytes, forms: Container[int], counters: CompressionCounters) -> bytes:
    """A batch that came, as it was before it was compressed, if it was. Raises RemoteProtocolError, and counts that."""
    try:
        return plain(batch, forms)
    except BatchRefused:
        counters.refused += 1
        raise


class Compressor:
    """The batches of one peer on their way out. What it does follows from the batches alone: no clock, no chance.

    After a batch that did not pay, the next ones go as they are: twice as many bytes as were tried in vain, four times as many
    after the second in a row, and so on up to ``LONGEST_REST``. One that pays ends that.
    """

    def __init__(self, counters: CompressionCounters) -> None:
        self._counters = counters
        self._rest = 1
        self._resting_bytes = 0

    def pack(self, batch: bytes, form: Form | None) -> bytes:
        """What to send for this batch over a link whose ends agreed on this form; the batch itself where that is better."""
        if form is None or not SMALL_BYTES < len(batch) <= MAX_BATCH_BYTES:
            return batch
        if self._resting_bytes > 0:
            self._resting_bytes -= len(batch)
            return batch
        packed = compressed(batch, form)
        if 100 * len(packed) <= WORTH_PERCENT[form] * len(batch):
            self._rest = 1
            return packed
        self._counters.unpaid += 1
        self._rest = min(2 * self._rest, LONGEST_REST)
        self._resting_bytes = self._rest * len(batch)
        return batch

"""One linked peer: its send queue, and the greenlet that empties it into whichever pipe is in use."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from gevent.event import Event as Signal

from sorcha_peer_core.errors import LinkClosed
from sorcha_peer_core.model.messages import Farewell
from sorcha_peer_core.protocol.sendqueue import SendQueue
from sorcha_peer_core.services.compression import CompressionCounters, Compressor

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.model.handshake import Form
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord

BATCH_BYTES = 64 * 1024
"""Frames coalesce up to here: beyond it a larger batch saves nothing, and a probe would wait behind it."""
QUEUE_BYTES = 4 * 1024 * 1024


class PeerLink:
    """A peer and the link in use. The link may be replaced by another to the same peer while frames wait."""

    def __init__(
        self,
        index: int,
        record: PeerRecord,
        link: Link,
        log_epoch: int,
        rung: int = 0,
        form: Form | None = None,
        compression: CompressionCounters | None = None,
    ) -> None:
        self.index = index
        self.rung = rung
        """Place of the link's transport in its dialler's order, 0 the best."""
        self.form = form
        """How batches may be compressed on the link in use; None: not at all."""
        self._compression = compression or CompressionCounters()
        self._compressor = Compressor(self._compression)
        self.since_s = monotonic()
        """When the link in use came up."""
        self.record = record
        """The newest that was heard."""
        self.tls_keys = record.tls_keys
        """What its record named when it shook hands last: a link stays what it was when certificates change."""
        self.peer_id: PeerId = record.peer_id
        self.link = link
        self.log_epoch = log_epoch
        self.queue: SendQueue[bytes] = SendQueue(QUEUE_BYTES)
        self.sent_bytes = 0
        self.received_bytes = 0
        self.farewell = Farewell.UNSAID
        """What the peer said when it left."""
        self.ended = Signal()
        """Set when the peer is no longer linked."""
        self.on_given_up: Callable[[str], None] = lambda reason: None
        self.on_left: Callable[[], None] = lambda: None
        """Called when the last words are said."""
        self._signal = Signal()
        self._apart_s = 0.0
        self._last_words = b""
        self._owed_bytes = 0

    def wake(self, apart_s: float = 0.0) -> None:
        """Something waits in the queue. ``apart_s``: how far apart batches leave, unless much waits."""
        self._apart_s = apart_s
        self._signal.set()

    def switch(self, link: Link, rung: int = 0, form: Form | None = None) -> None:
        """Send over another link from now on."""
        self.link, self.rung, self.form, self.since_s = link, rung, form, monotonic()
        self._signal.set()

    def close(self, reason: str) -> None:
        """Give the link in use up: it is silent, or reads too slowly."""
        self.on_given_up(reason)
        self.link.close(reason)

    def leave(self, last_words: bytes) -> None:
        """Send what waits now, then this frame, and nothing after it."""
        if not self._last_words:
            self._last_words, self._owed_bytes = last_words, self.queue.waiting_bytes
            self._signal.set()

    def end(self) -> None:
        """Stop sending: the peer is no longer linked."""
        self.ended.set()
        self._signal.set()

    def run(self) -> None:
        """Send until ``end`` or the last words; the body of a greenlet. Frames gather while a full pipe holds up ``send``."""
        while not self.ended.is_set():
            self._signal.wait()
            self._signal.clear()
            while self.queue and not self._has_said_all:
                now = monotonic()
                wait_s = 0.0 if self._last_words else self.queue.wait_s(now, self._apart_s)
                if wait_s:
                    # Not asleep: what comes meanwhile may be enough for a batch.
                    self._signal.wait(wait_s)
                    self._signal.clear()
                    continue
                batch = b"".join(self.queue.take(BATCH_BYTES, now))
                self._owed_bytes -= len(batch)
                self._send(batch)
            if self._last_words:
                self._send(self._last_words)
                self.on_left()
                return

    @property
    def _has_said_all(self) -> bool:
        return self.ended.is_set() or (bool(self._last_words) and self._owed_bytes <= 0)

    def _send(self, batch: bytes) -> None:
        while not self.ended.is_set():
            link = self.link
            packed = self._compressor.pack(batch, self.form)
            try:
                link.send(packed)
            except LinkClosed:
                # Whether it arrived is not known; over the link that takes this one's place it goes once more.
                while self.link is link and not self.ended.is_set():
                    self._signal.wait()
                    self._signal.clear()
            else:
                self.sent_bytes += len(packed)
                if packed is not batch:
                    self._compression.sent(len(batch), len(packed))
                return

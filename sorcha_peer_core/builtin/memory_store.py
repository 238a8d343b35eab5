"""A store without a disk: for tests and for nodes that need not remember."""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.ids import PeerId, TxHash, peer_id_of
from sorcha_peer_core.model.messages import Created, Cursor
from sorcha_peer_core.model.peer import PeerRow
from sorcha_peer_core.model.transaction import Arrival, LogEntry, Queued, Submission, Transaction

_LOG_EPOCH_BITS = 63
_SECRET_BYTES = 32


def build_memory_store(url: str, data_dir: Path) -> MemoryStore:
    """The store that ``memory://`` names; there is nothing to say about it."""
    return MemoryStore()


class MemoryStore:
    """The role Store in lists and dicts. Nothing outlives the object."""

    def __init__(self) -> None:
        self._is_open = False
        self._log_epoch = secrets.randbits(_LOG_EPOCH_BITS) or 1
        self._transactions: dict[TxHash, Transaction] = {}
        self._seqs: dict[TxHash, int] = {}
        # Nothing is ever removed, so the entry with seq n is at place n - 1.
        self._log: list[LogEntry] = []
        self._by_time: list[tuple[float, TxHash]] = []
        self._queue: dict[TxHash, Queued] = {}
        self._queue_bytes = 0
        self._last_row_id = 0
        self._peer_table_secret = secrets.token_bytes(_SECRET_BYTES)
        self._peers: dict[PeerId, PeerRow] = {}
        self._anchors: list[PeerId] = []
        self._cursors: dict[PeerId, Cursor] = {}

    @property
    def log_epoch(self) -> int:
        """Random 63-bit number made with the object."""
        return self._log_epoch

    def open(self) -> None:
        """Ready for use."""
        self._is_open = True

    def close(self) -> None:
        """No further use. Idempotent."""
        self._is_open = False

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Put new arrivals at the end of the log; own ones leave the outbox."""
        self._check_open()
        for arrival in arrivals:
            transaction = arrival.transaction
            if transaction.hash not in self._seqs:
                self._log.append(_entry(len(self._log) + 1, arrival))
                self._seqs[transaction.hash] = len(self._log)
                self._transactions[transaction.hash] = transaction
                insort(self._by_time, (transaction.header.created_ms, transaction.hash))
            if arrival.own and (row := self._queue.pop(transaction.hash, None)):
                self._queue_bytes -= len(row.submission.payload)
        return [self._seqs[arrival.transaction.hash] for arrival in arrivals]

    def known(self, hashes: Sequence[TxHash]) -> set[TxHash]:
        """Those of ``hashes`` that are in the log."""
        self._check_open()
        return {tx_hash for tx_hash in hashes if tx_hash in self._seqs}

    def load(self, hashes: Sequence[TxHash]) -> list[Transaction]:
        """The transactions among ``hashes`` that are in the log, in the order asked, each once."""
        self._check_open()
        return [self._transactions[tx_hash] for tx_hash in dict.fromkeys(hashes) if tx_hash in self._transactions]

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload, from the log or the outbox."""
        self._check_open()
        if tx_hash in self._transactions:
            return self._transactions[tx_hash].payload
        return self._queue[tx_hash].submission.payload if tx_hash in self._queue else None

    def after(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Lines of the log above ``seq``, ascending; with a register id only those of that register."""
        self._check_open()
        rest = islice(self._log, max(seq, 0), None)
        return list(islice((entry for entry in rest if register_id is None or entry.register_id == register_id), limit))

    def created(self, start_ms: float, end_ms: float, limit: int, after: bytes = b"") -> list[Created]:
        """Lines of the log by the time they were created."""
        self._check_open()
        start = bisect_right(self._by_time, (start_ms, after))
        end = bisect_left(self._by_time, (end_ms, b""))
        return [
            Created(tx_hash, len(self._transactions[tx_hash].payload), created_ms)
            for created_ms, tx_hash in self._by_time[start : min(end, start + limit)]
        ]

    def totals(self) -> tuple[int, int]:
        """Number of transactions in the log, and the last ``seq``."""
        return len(self._log), len(self._log)

    def oldest_seq(self) -> int:
        """The first ``seq`` in the log; 0 when it is empty."""
        return 1 if self._log else 0

    def recent_hashes(self, most: int) -> Iterator[tuple[TxHash, float]]:
        """The newest hashes with their times, newest first."""
        self._check_open()
        newest = self._log[max(len(self._log) - most, 0) :]
        return ((entry.hash, max(entry.received_ms, entry.created_ms)) for entry in reversed(newest))

    def put(self, submissions: Sequence[Submission], queued_ms: float) -> list[bool]:
        """Queue each; False where the payload is already queued or in the log."""
        self._check_open()
        accepted = []
        for submission in submissions:
            accepted.append(submission.tx_hash not in self._queue and submission.tx_hash not in self._seqs)
            if accepted[-1]:
                self._last_row_id += 1
                self._queue[submission.tx_hash] = Queued(self._last_row_id, submission, queued_ms)
                self._queue_bytes += len(submission.payload)
        return accepted

    def queued(self, after_row_id: int, limit: int) -> list[Queued]:
        """Waiting rows above ``after_row_id``, oldest first."""
        self._check_open()
        return list(islice((row for row in self._queue.values() if row.row_id > after_row_id), limit))

    def queue_totals(self) -> tuple[int, int]:
        """Number of waiting rows and the bytes of their payloads."""
        return len(self._queue), self._queue_bytes

    def peer_table_secret(self) -> bytes:
        """32 random bytes made with the object."""
        self._check_open()
        return self._peer_table_secret

    def save_peers(self, rows: Sequence[PeerRow]) -> None:
        """Insert or replace by peer id."""
        self._check_open()
        self._peers.update({row.record.peer_id: row for row in rows})

    def peers(self) -> list[PeerRow]:
        """All rows, most recently seen first."""
        self._check_open()
        return sorted(self._peers.values(), key=lambda row: (-row.last_seen_at, row.record.peer_id))

    def forget_peers(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove rows; unknown ids are ignored."""
        self._check_open()
        for peer_id in peer_ids:
            self._peers.pop(peer_id, None)

    def save_anchors(self, peer_ids: Sequence[PeerId]) -> None:
        """Remember the peers that are dialled first after a restart."""
        self._check_open()
        self._anchors = list(peer_ids)

    def anchors(self) -> list[PeerId]:
        """They, in their order."""
        self._check_open()
        return list(self._anchors)

    def save_cursors(self, cursors: Mapping[PeerId, Cursor]) -> None:
        """Remember how far each of these peers' logs was read."""
        self._check_open()
        self._cursors.update(cursors)

    def cursors(self) -> dict[PeerId, Cursor]:
        """All remembered cursors."""
        self._check_open()
        return dict(self._cursors)

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreError("the store in memory is not open")


def _entry(seq: int, arrival: Arrival) -> LogEntry:
    header = arrival.transaction.header
    return LogEntry(
        seq=seq,
        hash=header.payload_hash,
        size=len(arrival.transaction.payload),
        content_type=header.content_type,
        register_id=header.register_id,
        origin=peer_id_of(header.origin_key),
        created_ms=header.created_ms,
        received_ms=arrival.received_ms,
        hops=arrival.hops,
    )

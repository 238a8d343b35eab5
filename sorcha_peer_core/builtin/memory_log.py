"""The arrival log without a disk."""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.ids import TxHash, peer_id_of
from sorcha_peer_core.model.messages import Created
from sorcha_peer_core.model.transaction import Arrival, LogEntry, Transaction

_LOG_EPOCH_BITS = 63


class MemoryLog:
    """The role TransactionStore in lists and dicts, but for what has to do with the outbox."""

    def __init__(self) -> None:
        self._is_open = False
        self._log_epoch = secrets.randbits(_LOG_EPOCH_BITS) or 1
        self._lines: dict[TxHash, LogEntry] = {}
        """All that are known, in the order of arrival."""
        self._transactions: dict[TxHash, Transaction] = {}
        """Those that have their payload."""
        self._log: list[LogEntry] = []
        """The lines of these, ascending."""
        self._by_time: list[tuple[float, TxHash]] = []
        self._payload_bytes = 0
        self._last_seq = 0

    @property
    def log_epoch(self) -> int:
        """Random 63-bit number made with the object."""
        return self._log_epoch

    def known(self, hashes: Sequence[TxHash]) -> set[TxHash]:
        """Those of ``hashes`` that are in the log."""
        self._check_open()
        return {tx_hash for tx_hash in hashes if tx_hash in self._lines}

    def load(self, hashes: Sequence[TxHash]) -> list[Transaction]:
        """The transactions among ``hashes`` that are in the log, in the order asked, each once."""
        self._check_open()
        return [self._transactions[tx_hash] for tx_hash in dict.fromkeys(hashes) if tx_hash in self._transactions]

    def after(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Lines of the log above ``seq``, ascending; with a register id only those of that register."""
        self._check_open()
        rest = islice(self._log, bisect_right(self._log, seq, key=attrgetter("seq")), None)
        return list(islice((line for line in rest if register_id is None or line.register_id == register_id), limit))

    def before(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Lines of the log below ``seq``, descending; with a register id only those of that register."""
        self._check_open()
        rest = (self._log[index] for index in reversed(range(bisect_left(self._log, seq, key=attrgetter("seq")))))
        return list(islice((line for line in rest if register_id is None or line.register_id == register_id), limit))

    def between(self, first: TxHash, last: TxHash, limit: int) -> list[LogEntry]:
        """Lines of the log whose hash is one of these or between them, by hash."""
        self._check_open()
        return sorted((line for line in self._log if first <= line.hash <= last), key=attrgetter("hash"))[:limit]

    def created(self, start_ms: float, end_ms: float, limit: int, after: bytes = b"") -> list[Created]:
        """Lines of the log by the time they were created."""
        self._check_open()
        start = bisect_right(self._by_time, (start_ms, after))
        end = bisect_left(self._by_time, (end_ms, b""))
        found = self._by_time[start : min(end, start + limit)]
        return [Created(tx_hash, self._lines[tx_hash].size, created_ms) for created_ms, tx_hash in found]

    def totals(self) -> tuple[int, int]:
        """Number of transactions in the log, and the last ``seq`` that was given."""
        return len(self._lines), self._last_seq

    def log_bytes(self) -> int:
        """Bytes of all payloads in the log."""
        return self._payload_bytes

    def oldest_seq(self) -> int:
        """The first ``seq`` that is in the log with its payload; 0 when there is none."""
        return self._log[0].seq if self._log else 0

    def recent_hashes(self, most: int) -> Iterator[tuple[TxHash, float]]:
        """The newest hashes with their times, newest first."""
        self._check_open()
        newest = list(islice(reversed(self._lines.values()), most))
        return ((line.hash, _later_ms(line)) for line in newest)

    def _add(self, arrival: Arrival) -> None:
        self._last_seq += 1
        line = _line(self._last_seq, arrival)
        self._lines[line.hash] = line
        self._transactions[line.hash] = arrival.transaction
        self._log.append(line)
        self._payload_bytes += line.size
        insort(self._by_time, (line.created_ms, line.hash))

    def _reseal(self, transaction: Transaction) -> None:
        """Take the new envelope of what is in the log."""
        old = self._lines[transaction.hash]
        header = transaction.header
        line = old._replace(content_type=header.content_type, register_id=header.register_id, created_ms=header.created_ms)
        self._by_time.remove((old.created_ms, old.hash))
        insort(self._by_time, (line.created_ms, line.hash))
        self._lines[line.hash] = line
        self._log[self._log.index(old)] = line
        self._transactions[line.hash] = transaction

    def _over(self, before_ms: float) -> list[LogEntry]:
        """What is over its time, the oldest first."""
        return sorted(
            (line for line in self._lines.values() if _later_ms(line) < before_ms), key=lambda line: (_later_ms(line), line.seq)
        )

    def _empty(self, line: LogEntry) -> int:
        """Returns how many bytes this freed."""
        if self._transactions.pop(line.hash, None) is None:
            return 0
        self._log.remove(line)
        self._payload_bytes -= line.size
        return line.size

    def _forget(self, line: LogEntry) -> int:
        freed_bytes = self._empty(line)
        del self._lines[line.hash]
        self._by_time.remove((line.created_ms, line.hash))
        return freed_bytes

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreError("the store in memory is not open")


def _later_ms(line: LogEntry) -> float:
    return max(line.received_ms, line.created_ms)


def _line(seq: int, arrival: Arrival) -> LogEntry:
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

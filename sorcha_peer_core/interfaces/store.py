"""Where a node keeps what must survive it.

A store is plain and synchronous: it is opened, used and closed by **one native thread**, never by two at a time, so it
needs no locks; the node puts that thread between the store and its greenlets. Every write is one commit: when a method
returns, its rows survive a crash of the process. All of them may raise StoreError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import AuditEntry
    from sorcha_peer_core.model.ban import Ban
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.model.mending import Mended
    from sorcha_peer_core.model.messages import Created, Cursor
    from sorcha_peer_core.model.peer import PeerRow
    from sorcha_peer_core.model.transaction import (
        Arrival,
        Due,
        LogEntry,
        Pruned,
        Queued,
        QueueRow,
        QueueState,
        QueueTotals,
        Submission,
        Transaction,
    )


class TransactionStore(Protocol):
    """Every verified transaction, in the order of arrival."""

    @property
    def log_epoch(self) -> int:
        """Random 63-bit number made with the database: sequence numbers of another epoch mean nothing here."""

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Put new arrivals at the end of the log, in one commit; returns the ``seq`` of each.

        A hash that is already there keeps its first row and ``seq``. ``seq`` starts at 1, only grows, and is never given
        twice. In the same commit the outbox follows: an ``own`` arrival that is new here makes its pending row in flight (the
        payload leaves the row, the log has it), with one attempt; any other row of a hash that is or was in the log through
        somebody else is delivered, because the network has it. An ``own`` arrival whose row is in flight, to be
        offered again or dead and whose header differs from the stored one was sealed anew: its envelope takes the place of the
        old one, ``seq`` and ``received_ms`` stay.
        """

    def known(self, hashes: Sequence[TxHash]) -> set[TxHash]:
        """Those of ``hashes`` that are in the log."""

    def load(self, hashes: Sequence[TxHash]) -> list[Transaction]:
        """The transactions among ``hashes`` that are in the log with their payload, in the order asked."""

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload, from the log or, when it was not released yet, from the outbox."""

    def after(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Up to ``limit`` lines of the log with a ``seq`` above the given one, ascending."""

    def before(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Up to ``limit`` lines of the log with a ``seq`` below the given one, descending."""

    def between(self, first: TxHash, last: TxHash, limit: int) -> list[LogEntry]:
        """Up to ``limit`` lines of the log whose hash is one of these or between them, by hash. Reads no other lines."""

    def created(self, start_ms: float, end_ms: float, limit: int, after: bytes = b"") -> list[Created]:
        """Up to ``limit`` transactions of the log that were created in ``[start_ms, end_ms)``, by time and then by hash.

        Of those that were created at ``start_ms`` itself only hashes above ``after``. Reads no payloads.
        """

    def totals(self) -> tuple[int, int]:
        """Number of transactions in the log, those without payload among them, and the last ``seq`` that was given. Cheap."""

    def log_bytes(self) -> int:
        """Bytes of all payloads in the log. Cheap."""

    def oldest_seq(self) -> int:
        """The first ``seq`` still in the log; 0 when it is empty."""

    def prune(self, before_ms: float, keep_bytes: int, most: int) -> Pruned:
        """Take up to ``most`` of the oldest transactions out of the log, in one commit.

        Those received **and** created before ``before_ms`` are forgotten. While the payloads of the rest are more than
        ``keep_bytes`` (0 keeps none), the oldest lose their payload, and with it their place in ``after``, ``load`` and
        ``oldest_seq``; their hash and time stay in ``known`` and ``created`` until their time is over, so that nobody brings
        them back.
        What has a row in the outbox is spared. The ``seq`` of what is left does not change.
        """

    def recent_hashes(self, most: int) -> Iterator[tuple[TxHash, float]]:
        """The newest ``most`` hashes with their ``received_ms``, newest first: fills the filter at start.

        Where ``created_ms`` is later, as for a submission that waited offline, it is given instead.
        """


class Outbox(Protocol):
    """Submissions that were accepted here, until enough peers said that they have them."""

    def put(self, submissions: Sequence[Submission], queued_ms: float) -> list[bool]:
        """Commit one row for each (durably: synchronous FULL); False where the payload is already queued or in the log."""

    def queued(self, after_row_id: int, limit: int, most_bytes: int) -> list[Queued]:
        """Up to ``limit`` pending rows with a ``row_id`` above the given one, oldest first.

        As many as have at most ``most_bytes`` together, but one at least.
        """

    def lapse(self) -> int:
        """At start: rows that were in flight are to be offered again at once. Returns how many."""

    def due(self, now_ms: float, limit: int) -> list[Due]:
        """Up to ``limit`` rows that are to be offered again by now, the longest overdue first.

        From here on they are in flight. A row whose payload the log has lost is given up instead.
        """

    def next_due_ms(self) -> float | None:
        """When the next row is to be offered again; None when there is none. Cheap."""

    def postpone(self, hashes: Mapping[TxHash, int], not_before_ms: float, reason: str) -> None:
        """These in flight are to be offered again at that time; the values are their attempts. Others are passed over."""

    def delivered(self, hashes: Sequence[TxHash]) -> int:
        """These have their receipts: their rows go. Returns how many there were; unknown ones are ignored."""

    def give_up(self, hashes: Mapping[TxHash, str], now_ms: float) -> int:
        """These become dead letters, with the reason of each. Returns how many did; unknown ones are ignored."""

    def revive(self, hashes: Sequence[TxHash] | None) -> int:
        """These dead letters (None: all) are to be offered again at once, with no attempts counted. Returns how many.

        What was never released is pending again, under a new ``row_id``.
        """

    def drop(self, hashes: Sequence[TxHash] | None) -> int:
        """These dead letters (None: all) are forgotten by the outbox; the log keeps what it has. Returns how many."""

    def queue_row(self, tx_hash: TxHash) -> QueueRow | None:
        """The row of this payload; None when there is none."""

    def queue_rows(self, states: Sequence[QueueState], after_row_id: int, limit: int) -> list[QueueRow]:
        """Up to ``limit`` rows in any of these states with a ``row_id`` above the given one, oldest first."""

    def queue_totals(self) -> QueueTotals:
        """What the outbox holds. Cheap."""


class PeerStore(Protocol):
    """The peer table and what belongs to it, and how far each peer's arrival log was read."""

    def peer_table_secret(self) -> bytes:
        """32 random bytes made with the database: nobody else can foresee who lies where in the table."""

    def save_peers(self, rows: Sequence[PeerRow]) -> None:
        """Insert or replace by peer id."""

    def peers(self) -> list[PeerRow]:
        """All rows, most recently seen first. The record of each is read anew from the bytes that were signed."""

    def forget_peers(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove rows; unknown ids are ignored."""

    def save_anchors(self, peer_ids: Sequence[PeerId]) -> None:
        """Remember the peers that are dialled first after a restart, in place of those remembered before."""

    def anchors(self) -> list[PeerId]:
        """They, in their order."""

    def save_cursors(self, cursors: Mapping[PeerId, Cursor]) -> None:
        """Remember how far each of these peers' logs was read."""

    def cursors(self) -> dict[PeerId, Cursor]:
        """All remembered cursors."""


class BanStore(Protocol):
    """Who is banned. What is over is forgotten by the node, not by the store."""

    def save_ban(self, ban: Ban) -> None:
        """Insert or replace by peer id."""

    def lift_bans(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove them; ids that are not banned are ignored."""

    def bans(self) -> list[Ban]:
        """All of them, the latest first; those of the same second by peer id."""


class AuditLog(Protocol):
    """What operators did, lately."""

    def add_audit(self, at: int, actor: str, action: str, target: str, outcome: str, keep: int) -> None:
        """Put an entry behind all others, and keep the latest ``keep``. ``row_id`` only grows and is never given twice."""

    def audit(self, before_row_id: int | None, limit: int) -> list[AuditEntry]:
        """Up to ``limit`` entries with a ``row_id`` below the given one (None: from the newest on), newest first."""


class Store(TransactionStore, Outbox, PeerStore, BanStore, AuditLog, Protocol):
    """All roles, behind one connection."""

    def open(self) -> None:
        """Connect, create or migrate the schema. Called once, on the thread that makes all later calls.

        Raises:
            StoreBroken: damaged, or written by a newer version.
            StoreError: cannot be opened (permissions, disk, a server that is not there, another node that uses it).
        """

    def close(self) -> None:
        """Flush and disconnect. Idempotent."""


@runtime_checkable
class MendingStore(Protocol):
    """What a store can do besides, if it can: go on after damage."""

    def check(self) -> None:
        """Cheap: raises StoreDamaged when what is open is no longer where it should be."""

    def probe(self) -> None:
        """Commit a little and take it back: raises the StoreError that keeps the store from being written."""

    def mend(self) -> Mended:
        """After a StoreDamaged, from ``open`` or any other method: put the damaged data aside, and open anew.

        Everything that can still be read is taken over, accepted submissions first. Raises StoreError when it cannot be done
        now, for want of space for instance; everything is then as before, and it may be tried again.
        """

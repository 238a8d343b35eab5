"""Where a node keeps what must survive it.

A store is plain and synchronous: it is opened, used and closed by **one native thread**, never by two at a time, so it
needs no locks; the node puts that thread between the store and its greenlets. Every write is one commit: when a method
returns, its rows survive a crash of the process. All of them may raise StoreError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.model.messages import Created, Cursor
    from sorcha_peer_core.model.peer import PeerRow
    from sorcha_peer_core.model.transaction import Arrival, LogEntry, Queued, Submission, Transaction


class TransactionStore(Protocol):
    """Every verified transaction, in the order of arrival."""

    @property
    def log_epoch(self) -> int:
        """Random 63-bit number made with the database: sequence numbers of another epoch mean nothing here."""

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Put new arrivals at the end of the log, in one commit; returns the ``seq`` of each.

        A hash that is already there keeps its first row and ``seq``. An ``own`` arrival takes its row out of the
        outbox in the same commit. ``seq`` starts at 1, only grows, and is never given twice.
        """

    def known(self, hashes: Sequence[TxHash]) -> set[TxHash]:
        """Those of ``hashes`` that are in the log."""

    def load(self, hashes: Sequence[TxHash]) -> list[Transaction]:
        """The transactions among ``hashes`` that are in the log, in the order asked."""

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload, from the log or, when it was not released yet, from the outbox."""

    def after(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Up to ``limit`` lines of the log with a ``seq`` above the given one, ascending."""

    def created(self, start_ms: float, end_ms: float, limit: int, after: bytes = b"") -> list[Created]:
        """Up to ``limit`` transactions of the log that were created in ``[start_ms, end_ms)``, by time and then by hash.

        Of those that were created at ``start_ms`` itself only hashes above ``after``. Reads no payloads.
        """

    def totals(self) -> tuple[int, int]:
        """Number of transactions in the log, and the last ``seq`` (0 when empty). Cheap."""

    def oldest_seq(self) -> int:
        """The first ``seq`` still in the log; 0 when it is empty."""

    def recent_hashes(self, most: int) -> Iterator[tuple[TxHash, float]]:
        """The newest ``most`` hashes with their ``received_ms``, newest first: fills the filter at start.

        Where ``created_ms`` is later, as for a submission that waited offline, it is given instead.
        """


class Outbox(Protocol):
    """Submissions that were accepted here and wait to be released to the network."""

    def put(self, submissions: Sequence[Submission], queued_ms: float) -> list[bool]:
        """Commit one row for each (durably: synchronous FULL); False where the payload is already queued or in the log."""

    def queued(self, after_row_id: int, limit: int) -> list[Queued]:
        """Up to ``limit`` waiting rows with a ``row_id`` above the given one, oldest first."""

    def queue_totals(self) -> tuple[int, int]:
        """Number of waiting rows and the bytes of their payloads. Cheap."""


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


class Store(TransactionStore, Outbox, PeerStore, Protocol):
    """All roles, behind one connection."""

    def open(self) -> None:
        """Connect, create or migrate the schema. Called once, on the thread that makes all later calls.

        Raises:
            StoreBroken: damaged, or written by a newer version.
            StoreError: cannot be opened (permissions, disk).
        """

    def close(self) -> None:
        """Flush and disconnect. Idempotent."""

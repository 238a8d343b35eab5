"""A transaction: opaque payload, and the envelope its origin signed around it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sorcha_peer_core.errors import MetadataInvalid, PayloadEmpty, PayloadTooLarge
from sorcha_peer_core.model.ids import TxHash, tx_hash_of

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_CONTENT_TYPE_CHARS = 255
MAX_REGISTER_ID_CHARS = 64


class Header(NamedTuple):
    """The signed part of an envelope, decoded. Immutable over all hops."""

    network_id: str
    payload_hash: TxHash
    payload_size: int
    content_type: str
    register_id: str
    origin_key: bytes
    created_ms: float
    """Unix milliseconds by the origin's clock, to the microsecond."""
    ttl_s: int
    nonce: int
    chunk_bytes: int = 0
    """Of a large payload: the size of its chunks; 0 when there is no list of them."""
    chunk_root: bytes = b""
    """The root of the list of their hashes (``model.chunks``)."""


class Arguable(str):
    """A flaw that a peer with another clock, or with other limits, would not have found: nobody is to blame for it."""

    __slots__ = ()


class Transaction(NamedTuple):
    """An envelope as it travels. ``header_bytes`` are what was signed and what is relayed (protobuf is not canonical)."""

    header: Header
    header_bytes: bytes
    signature: bytes
    payload: bytes
    """Empty: only the envelope is meant. No transaction has an empty payload."""

    @property
    def hash(self) -> TxHash:
        """SHA-256 of the payload as the header claims it; proved by verification."""
        return self.header.payload_hash


class Submission(NamedTuple):
    """A payload somebody handed to this node. Made by :func:`submission_of`, so it is within bounds."""

    tx_hash: TxHash
    payload: bytes
    content_type: str
    register_id: str


def submission_of(
    payload: bytes, *, max_bytes: int, content_type: str = DEFAULT_CONTENT_TYPE, register_id: str = ""
) -> Submission:
    """Check what is to be submitted and name it by its hash; raises a SubmissionRefused."""
    if not payload:
        raise PayloadEmpty("the transaction is empty; a payload has at least 1 byte")
    if len(payload) > max_bytes:
        raise PayloadTooLarge(f"the transaction has {len(payload)} bytes; at most {max_bytes} are allowed")
    _check_text("content type", content_type, MAX_CONTENT_TYPE_CHARS)
    _check_text("register id", register_id, MAX_REGISTER_ID_CHARS)
    return Submission(tx_hash_of(payload), payload, content_type, register_id)


def _check_text(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise MetadataInvalid(f"the {what} has {len(text)} characters; at most {most} are allowed")
    if not text.isprintable():
        raise MetadataInvalid(f"the {what} {text[:40]!r} holds characters that cannot be printed")


class Arrival(NamedTuple):
    """A verified transaction on its way into the arrival log."""

    transaction: Transaction
    received_ms: float
    """Unix milliseconds: when it was verified here; for an own one, when its submission was committed."""
    hops: int
    own: bool
    """Submitted here: its outbox row is in flight from the same commit on."""


class LogEntry(NamedTuple):
    """A line of the arrival log, without the payload."""

    seq: int
    hash: TxHash
    size: int
    content_type: str
    register_id: str
    origin: str
    created_ms: float
    received_ms: float
    hops: int


class Queued(NamedTuple):
    """A committed submission that waits to be released to the network."""

    row_id: int
    submission: Submission
    queued_ms: float
    """Unix milliseconds at which it was committed."""


class Due(NamedTuple):
    """A submission that was released, got too few receipts, and is to be offered again."""

    hash: TxHash
    size: int
    attempts: int
    """How often it was offered while peers were linked, the release included."""
    expires_ms: float
    """Unix milliseconds at which the envelope it was released in outlives its time to live."""


class QueueState(StrEnum):
    """Where a row of the outbox stands. A delivered one has no row any more."""

    PENDING = "pending"
    """Committed, not released yet; its payload is in the row."""
    INFLIGHT = "inflight"
    """Released and in the log, receipts are awaited; its lease ends with the process at the latest."""
    RETRY = "retry"
    """Too few receipts came in time; it is offered again, not before ``not_before_ms``."""
    DEAD = "dead"
    """A dead letter: nobody takes it. It stays until somebody retries or drops it."""


class QueueRow(NamedTuple):
    """One row of the outbox as people see it, without the payload."""

    row_id: int
    hash: TxHash
    size: int
    content_type: str
    register_id: str
    state: QueueState
    queued_ms: float
    attempts: int
    last_attempt_ms: float | None
    not_before_ms: float | None
    """Of a row that is offered again: when at the earliest."""
    reason: str
    """Of a dead letter: why. Of a row that is offered again: what was wrong the last time. Else empty."""


class QueueTotals(NamedTuple):
    """What the outbox holds. Dead letters are not part of what waits, and count against no bound."""

    pending: int
    inflight: int
    retry: int
    dead: int
    waiting_bytes: int
    """Of the payloads of all that are not dead."""

    @property
    def waiting(self) -> int:
        """Rows that are accepted and not delivered yet."""
        return self.pending + self.inflight + self.retry


class Pruned(NamedTuple):
    """What one step of pruning did."""

    forgotten: int
    """Transactions whose time was over: nothing of them is left."""
    emptied: int
    """Transactions that lost their payload because the log was too large."""
    freed_bytes: int
    """Of payloads."""

"""Values to put into a store under test."""

from __future__ import annotations

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint, PeerRow
from sorcha_peer_core.model.transaction import DEFAULT_CONTENT_TYPE, Arrival, Header, Submission, Transaction, submission_of
from sorcha_peer_core.wire.codec import encode_header
from sorcha_peer_core.wire.records import decode_record, encode_record

NOW_MS = 1_767_225_600_000.125
TTL_S = 86_400
"""Of every envelope here."""
ORIGIN_KEY = bytes(range(32))
_MAX_BYTES = 1 << 30
LARGEST_UNSIGNED = (1 << 64) - 1
LARGEST_SIGNED = (1 << 63) - 1


def transaction_of(
    payload: bytes, *, content_type: str = DEFAULT_CONTENT_TYPE, register_id: str = "", created_ms: float = NOW_MS
) -> Transaction:
    """A whole envelope around ``payload``. Its signature proves nothing: stores do not look at it."""
    header = Header(
        network_id="sorcha",
        payload_hash=tx_hash_of(payload),
        payload_size=len(payload),
        content_type=content_type,
        register_id=register_id,
        origin_key=ORIGIN_KEY,
        created_ms=created_ms,
        ttl_s=TTL_S,
        nonce=LARGEST_UNSIGNED,
    )
    return Transaction(header, encode_header(header), bytes(64), payload)


def resealed(payload: bytes, created_ms: float) -> Transaction:
    """The same payload, released again later in another envelope."""
    return transaction_of(payload, created_ms=created_ms)


def arrival_of(
    payload: bytes, *, received_ms: float = NOW_MS, hops: int = 1, own: bool = False, register_id: str = ""
) -> Arrival:
    """``payload`` on its way into the log."""
    return Arrival(transaction_of(payload, register_id=register_id), received_ms, hops, own)


def arrivals_of(*payloads: bytes) -> list[Arrival]:
    """One arrival for each payload, received one after the other."""
    return [arrival_of(payload, received_ms=NOW_MS + place) for place, payload in enumerate(payloads)]


def submissions_of(*payloads: bytes) -> list[Submission]:
    """One submission for each payload."""
    return [submission_of(payload, max_bytes=_MAX_BYTES) for payload in payloads]


def peer_row_of(number: int, *, last_seen_at: int = 0, seq: int = 1, endpoints: tuple[Endpoint, ...] = ()) -> PeerRow:
    """A row for the peer with this number."""
    public_key, tls_keys = number.to_bytes(32, "big"), (bytes([number % 256]) * 32,)
    signed = encode_record(public_key, "sorcha", seq, endpoints, f"node {number}", "sorcha-peer/1", tls_keys)
    return PeerRow(decode_record(signed, bytes(64)), first_seen_at=1_767_000_000, last_seen_at=last_seen_at)

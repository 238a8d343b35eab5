"""Signatures: what is signed, how it is checked. All of it is CPU work without I/O, safe on a native thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from sorcha_peer_core.model.chunks import chunk_list, chunk_root, has_sound_chunks
from sorcha_peer_core.model.ids import PUBLIC_KEY_BYTES, tx_hash_of
from sorcha_peer_core.model.peer import PeerRecord
from sorcha_peer_core.model.transaction import MAX_CONTENT_TYPE_CHARS, MAX_REGISTER_ID_CHARS, Arguable, Header, Transaction
from sorcha_peer_core.wire.codec import SIGNATURE_BYTES

TRANSACTION_DOMAIN = b"sorcha-peer-transaction:v1:"
RECORD_DOMAIN = b"sorcha-peer-record:v1:"
"""Domain strings keep a signature made for one purpose from serving another (libp2p RFC 0002)."""

CLOCK_TOLERANCE_MS = 120_000
MAX_TTL_S = 86_400


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the Ed25519 signature is good; about 53 us, releases the GIL."""
    if len(signature) != SIGNATURE_BYTES or len(public_key) != PUBLIC_KEY_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except (CryptoError, ValueError):
        return False
    return True


def is_genuine(record: PeerRecord) -> bool:
    """Whether a peer record was signed by the key it names."""
    return is_signed_by(record.public_key, record.signature, RECORD_DOMAIN + record.signed)


@dataclass(frozen=True, slots=True)
class TransactionRules:
    """What a transaction must satisfy to be valid on this network."""

    network_id: str
    max_transaction_bytes: int

    def flaw(self, transaction: Transaction, now_ms: float) -> str | None:
        """Why it is not valid, in words; None when it is. The cheap checks come first. Without payload: of the envelope alone."""
        header, payload = transaction.header, transaction.payload
        if header.network_id != self.network_id:
            return f"it belongs to the network {header.network_id[:64]!r}"
        if not 0 < header.payload_size <= self.max_transaction_bytes:
            return Arguable(f"its payload has {header.payload_size} bytes; 1 to {self.max_transaction_bytes} are allowed")
        if payload and len(payload) != header.payload_size:
            return f"its payload has {len(payload)} bytes, its envelope says {header.payload_size}"
        return _flaw_of_metadata(header) or _flaw_of_time(header, now_ms) or _flaw_of_proofs(transaction)

    def flaws(self, transactions: Sequence[Transaction], now_ms: float) -> list[str | None]:
        """``flaw`` of each: one trip to a native thread for many."""
        return [self.flaw(transaction, now_ms) for transaction in transactions]


def _flaw_of_metadata(header: Header) -> str | None:
    if not 0 < header.ttl_s <= MAX_TTL_S:
        return f"its time to live is {header.ttl_s} s; 1 to {MAX_TTL_S} are allowed"
    return _flaw_of_text("content type", header.content_type, MAX_CONTENT_TYPE_CHARS) or _flaw_of_text(
        "register id", header.register_id, MAX_REGISTER_ID_CHARS
    )


def _flaw_of_text(what: str, text: str, most: int) -> str | None:
    # Strangers choose these texts, people read them in their terminals: the same bounds as for a submission.
    if len(text) > most:
        return f"its {what} has {len(text)} characters; at most {most} are allowed"
    # Which characters there are is a matter of the Python that looks.
    return None if text.isprintable() else Arguable(f"its {what} holds characters that cannot be printed")


def _flaw_of_time(header: Header, now_ms: float) -> str | None:
    if not isfinite(header.created_ms):
        return "it was created at no time"
    if header.created_ms > now_ms + CLOCK_TOLERANCE_MS:
        return Arguable(f"it was created {(header.created_ms - now_ms) / 1000:.0f} s in the future")
    if now_ms > header.created_ms + header.ttl_s * 1000 + CLOCK_TOLERANCE_MS:
        return Arguable(f"it expired {(now_ms - header.created_ms) / 1000 - header.ttl_s:.0f} s ago")
    return None


def _flaw_of_proofs(transaction: Transaction) -> str | None:
    header, payload = transaction.header, transaction.payload
    if payload and tx_hash_of(payload) != header.payload_hash:
        return "its payload does not have the hash its envelope names"
    if not is_signed_by(header.origin_key, transaction.signature, TRANSACTION_DOMAIN + transaction.header_bytes):
        return "its signature is not its origin's"
    if payload and header.chunk_root and not _is_listed(header, payload):
        return "its list of chunks is not of its payload"
    return None


def _is_listed(header: Header, payload: bytes) -> bool:
    # The bounds first: chunks of one byte would take minutes.
    if not has_sound_chunks(header.payload_size, header.chunk_bytes):
        return False
    return chunk_root(chunk_list(payload, header.chunk_bytes)) == header.chunk_root

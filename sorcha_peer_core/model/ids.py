"""Names of peers and transactions. Both are hashes, so neither can be claimed by somebody else."""

from __future__ import annotations

from hashlib import sha256
from typing import NewType

PeerId = NewType("PeerId", str)
"""40 lowercase hex digits: the first 20 bytes of SHA-256 of the peer's Ed25519 public key."""

TxHash = NewType("TxHash", bytes)
"""32 bytes: SHA-256 of the payload; 64 lowercase hex digits where people or JSON see it."""

HASH_BYTES = 32
PUBLIC_KEY_BYTES = 32
_PEER_ID_DIGITS = 40
_HEX = frozenset("0123456789abcdef")


def peer_id_of(public_key: bytes) -> PeerId:
    """The id of the holder of an Ed25519 public key (32 bytes)."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, this one has {len(public_key)}")
    return PeerId(sha256(public_key).hexdigest()[:_PEER_ID_DIGITS])


def parse_peer_id(text: str) -> PeerId:
    """Read a peer id as people write it.

    >>> parse_peer_id("AB" * 20) == "ab" * 20
    True
    """
    digits = text.strip().lower()
    if len(digits) != _PEER_ID_DIGITS or not _HEX.issuperset(digits):
        raise ValueError(f"{text!r} is not a peer id; one has {_PEER_ID_DIGITS} hex digits")
    return PeerId(digits)


def tx_hash_of(payload: bytes) -> TxHash:
    """The name of a transaction: SHA-256 of the payload's bytes, whatever else is said about it."""
    return TxHash(sha256(payload).digest())


def parse_tx_hash(text: str) -> TxHash:
    """Read 64 hex digits; raises ValueError with the reason."""
    digits = text.strip().lower()
    if len(digits) != 2 * HASH_BYTES or not _HEX.issuperset(digits):
        raise ValueError(f"{text[:80]!r} is not a transaction hash; one has {2 * HASH_BYTES} hex digits")
    return TxHash(bytes.fromhex(digits))


def hashes_with_prefix(digits: str) -> tuple[TxHash, TxHash]:
    """The least and the greatest hash that begins with these hex digits; raises ValueError with the reason.

    >>> first, last = hashes_with_prefix("ABC")
    >>> first[:3].hex(), last[:3].hex()
    ('abc000', 'abcfff')
    """
    prefix = digits.strip().lower()
    if not 0 < len(prefix) <= 2 * HASH_BYTES or not _HEX.issuperset(prefix):
        raise ValueError(f"{digits[:80]!r} is not how a transaction hash begins; one has {2 * HASH_BYTES} hex digits")
    return parse_tx_hash(prefix.ljust(2 * HASH_BYTES, "0")), parse_tx_hash(prefix.ljust(2 * HASH_BYTES, "f"))


def short(name: str | bytes) -> str:
    """The first eight digits, for log lines.

    >>> short(b"\\x01\\x02\\x03\\x04\\x05")
    '01020304'
    """
    return name[:4].hex() if isinstance(name, bytes) else name[:8]

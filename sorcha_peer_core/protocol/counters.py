"""What a Core counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    received: int = 0
    """Copies of transactions that peers sent, chunked ones counted once."""
    duplicates: int = 0
    """Of those, how many were here or on their way."""
    rejected: int = 0
    left_to_sync: int = 0
    """Hashes and payloads that came while the store was asked about too many others."""
    unverified: int = 0
    """Pushes that were dropped unread: too much of what their sender sent lately was invalid."""
    synced: int = 0
    """Transactions that only a peer's log or a comparison brought."""
    receipts: int = 0
    """Receipts that peers gave for own transactions."""

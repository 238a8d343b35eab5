"""What the page about security says in words of its own: limits, and how long a certificate lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_admin.pages.filters import ago_text, bytes_text, count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.interfaces.service import NodeApi

MODES = {
    "open": "Every node makes its own certificate; the handshake proves whose it is. Links are encrypted.",
    "ca": "Only nodes with a certificate of the trusted authority link. Links are encrypted.",
    "insecure": "Links are not encrypted. Anybody on the way can read and change what they carry.",
}
_DAY_S = 86_400
_SHORT_DAYS, _LONG_DAYS = 2, 730
_SOON_S, _VERY_SOON_S = 30 * _DAY_S, 7 * _DAY_S
_LIMITS = (
    ("communication", "max_connections", "Most links at the same time"),
    ("peer_discovery", "max_peers_in_list", "Most peers remembered"),
    ("peer_discovery", "max_concurrent_discoveries", "Most dials at the same time"),
    ("transaction_distribution", "max_transaction_bytes", "Largest payload"),
    ("offline_mode", "max_queue_size", "Most submissions that wait"),
    ("offline_mode", "max_queue_bytes", "Most bytes that wait"),
    ("security", "requests_per_minute", "Requests of a peer in a minute"),
    ("security", "bytes_per_minute", "Bytes of a peer in a minute"),
    ("security", "origin_transactions_per_minute", "Transactions of an origin in a minute"),
)


class Expiry(NamedTuple):
    """The end of a certificate."""

    words: str
    tone: str
    """Of a badge."""


class Limit(NamedTuple):
    """A bound that configuration sets."""

    key: str
    label: str
    value: str


def limits_of(node: NodeApi) -> Sequence[Limit]:
    """Those that this node has."""
    return [
        Limit(f"{section}.{key}", label, _value(key, value))
        for section, key, label in _LIMITS
        if (value := node.settings(section).get(key)) is not None
    ]


def expiry(expires_at: int, now: float) -> Expiry:
    """How long a certificate lasts, and how urgent that is.

    >>> [expiry(days * 86_400, now=0)[:] for days in (3650, 300, 20, 3)]
    [('in 10 years', 'good'), ('in 300 days', 'good'), ('in 20 days', 'warn'), ('in 3 days', 'bad')]
    >>> expiry(0, now=7200)
    Expiry(words='2 h ago', tone='bad')
    """
    left_s = expires_at - now
    tone = "bad" if left_s < _VERY_SOON_S else "warn" if left_s < _SOON_S else "good"
    days = round(left_s / _DAY_S)
    if days < _SHORT_DAYS:
        return Expiry(ago_text(expires_at, now), tone)
    return Expiry(f"in {days} days" if days < _LONG_DAYS else f"in {days / 365:.0f} years", tone)


def _value(key: str, value: int) -> str:
    return bytes_text(value) if "bytes" in key else count_text(value)

"""The table of peers as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from sorcha_peer_admin.pages.filters import unix_time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.interfaces.views import PeerView

_HEAD = (
    "id", "name", "status", "address", "transport", "direction", "latency_ms", "last_seen", "failures", "queued_bytes",
    "bootstrap", "software", "score",
)  # fmt: skip
# A spreadsheet would compute what begins so, and peers choose their names themselves.
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


def peers_csv(peers: Sequence[PeerView]) -> str:
    """A line for each peer below a line of names; times in UTC."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(_HEAD)
    lines.writerows(_cells(peer) for peer in peers)
    return text.getvalue()


def _cells(peer: PeerView) -> list[str]:
    cells = [
        peer.peer_id,
        peer.name,
        peer.status,
        peer.address,
        peer.transport,
        peer.direction,
        "" if peer.latency_ms is None else f"{peer.latency_ms:.3f}",
        unix_time_text(peer.last_seen_at or None),
        str(peer.failures),
        str(peer.queued_bytes),
        "yes" if peer.is_bootstrap else "no",
        peer.software,
    ]
    # A number of this node's own, which may be below 0.
    return [*map(harmless, cells), f"{peer.score:.1f}"]


def harmless(cell: str) -> str:
    """The cell so that no spreadsheet takes it for a formula.

    >>> harmless("=1+1"), harmless("ben")
    ("'=1+1", 'ben')
    """
    return f"'{cell}" if cell.startswith(_FORMULA_BEGINNINGS) else cell

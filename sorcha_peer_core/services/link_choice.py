"""Which of two links to one peer stays. Pure: both sides come to the same answer (docs/adr/0007)."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.services.peer_link import PeerLink

SIMULTANEOUS_S = 5.0
"""Two links that came up within this time were dialled at the same time, by sides that did not know of each other's."""


def is_given_up(peer: PeerLink, dialler_is_linked: bool) -> bool:
    """Whether the dialler of a new link no longer believes in the one in use, whatever that looks like from here."""
    return not dialler_is_linked and monotonic() - peer.since_s > SIMULTANEOUS_S


def is_better(peer: PeerLink, link: Link, rung: int, smaller_dials: bool) -> bool:
    """Whether ``link`` takes the place of the one in use.

    The better rung stays; of equal ones that dialled by the smaller id, and of one dialler's two the newer.
    ``smaller_dials``: whether a link that this node dialled was dialled by the smaller id.
    """
    in_use = (peer.rung, peer.link.outbound != smaller_dials)
    return (rung, link.outbound != smaller_dials) <= in_use

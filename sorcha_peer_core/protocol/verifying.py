"""A transaction that is here but not yet believed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.messages import Push
    from sorcha_peer_core.protocol.traces import Copy


class Verifying:
    """While it is verified: who sent it, and who else has it."""

    __slots__ = ("copies", "havers", "peer", "push", "senders", "shared", "since")

    def __init__(self, peer: int, push: Push, since: float, shared: bool, senders: Collection[int] = ()) -> None:
        self.peer = peer
        self.push = push
        self.since = since
        """When it came."""
        self.shared = shared
        """Its pieces came from several peers, ``peer`` sent the last one."""
        self.senders = senders
        """Of its pieces, when it came in pieces."""
        self.havers = {peer: push.transaction.header.payload_size}
        self.copies: list[Copy] = [(peer, push.hop, since)]
        """All that came so far."""

"""A transaction that is here but not yet believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.messages import Push


class Verifying:
    """While it is verified: who sent it, and who else has it."""

    __slots__ = ("havers", "peer", "push", "shared", "since")

    def __init__(self, peer: int, push: Push, since: float, shared: bool) -> None:
        self.peer = peer
        self.push = push
        self.since = since
        """When it came."""
        self.shared = shared
        """Its pieces came from several peers, ``peer`` sent the last one."""
        self.havers = {peer: push.transaction.header.payload_size}

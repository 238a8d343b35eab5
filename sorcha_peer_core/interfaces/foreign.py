"""Asking clients that are no nodes: a second role that a transport may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.peer import Endpoint


class ForeignClient(Protocol):
    """Calls the published services of somebody who has no key. Both methods block the calling greenlet alone.

    Nothing vouches for the other side, so TLS is tried first with whatever certificate it shows, and plaintext is good
    enough where the node's mode is not ``ca``. What is fetched proves itself by its hash.
    """

    @property
    def protocols(self) -> Sequence[str]:
        """What a client that can be asked like this names in ``supported_protocols``."""

    @property
    def scheme(self) -> str:
        """Of the endpoints it takes."""

    def ping(self, endpoint: Endpoint, timeout_s: float) -> None:
        """See that somebody answers there who could be asked for a transaction. Raises TransportError."""

    def fetch(self, endpoint: Endpoint, tx_hash: TxHash, size_bytes: int, timeout_s: float) -> bytes:
        """The payload as it comes, its hash unchecked; never holds more than ``size_bytes`` of it.

        Raises:
            TransportError: it did not come, not in time, or not from somebody who keeps to the protocol.
        """


@runtime_checkable
class AsksForeignClients(Protocol):
    """A transport that brings a ForeignClient along."""

    @property
    def foreign_client(self) -> ForeignClient:
        """One per transport, or shared between transports."""

"""The request/response services of the Sorcha protocol, as a node answers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint


class RegisteredPeer(NamedTuple):
    """A peer as the classic discovery service shows it."""

    peer_id: str
    address: str
    port: int
    protocols: Sequence[str]
    last_seen_at: int
    supports_streaming: bool
    supports_distribution: bool
    max_transaction_bytes: int


class NotifyAnswer(NamedTuple):
    """What the classic NotifyTransaction is answered."""

    already_known: bool
    will_request: bool


class PeerApi(Protocol):
    """The request/response services of the Sorcha protocol, for clients that are not our nodes. Calls may block."""

    def own(self) -> RegisteredPeer:
        """This node."""

    def peer_list(self, requesting_peer_id: str, most: int) -> tuple[Sequence[RegisteredPeer], int]:
        """Up to ``most`` (0 or less: 100) linked peers, never the one who asks; and how many there are."""

    def register(self, peer: RegisteredPeer, caller: str = "") -> tuple[bool, str]:
        """List a foreign client; success and a sentence. It is listed, never gossiped.

        ``caller`` is the address that the call came from, empty where that is somebody else's, such as a proxy's.
        """

    def ping(self, peer_id: str) -> None:
        """A client says it is there."""

    def notify(self, tx_hash: str, sender_peer_id: str, size: int, *, register_id: str = "", caller: str = "") -> NotifyAnswer:
        """A client says it has a transaction. Raises ValueError for something that is not a hash or no register id.

        What is fetched is fetched from where the sender registered, and only if that came from the same ``caller``.
        """

    def payload(self, tx_hash: str) -> bytes | None:
        """The payload of a stored transaction. Raises ValueError for something that is not a hash."""

    def listening(self) -> Iterator[Endpoint]:
        """Where this node listens."""

    def when_stopping(self, told: Callable[[], object]) -> None:
        """Call ``told``, which must not block, when the node begins to stop."""

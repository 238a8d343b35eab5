"""The classic request/response services: what foreign clients of the Sorcha protocol can ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.service import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.model.ids import TxHash, parse_tx_hash

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord

_MOST_LISTED = 100
_MOST_REGISTERED = 1000
_REGISTRATION_S = 3600
_MOST_CHARS = 255
_MOST_PROTOCOLS = 16
_PROTOCOLS = {"grpc": ("GrpcStream", "Grpc"), "rest": ("Rest",)}


class NodePeerApi:
    """Answers from what the node knows. Foreign clients have no key, so what they register is listed, never gossiped."""

    def __init__(
        self,
        own: Callable[[], PeerRecord],
        linked: Callable[[], Sequence[PeerRecord]],
        load: Callable[[TxHash], bytes | None],
        is_known: Callable[[TxHash], bool],
        max_transaction_bytes: int,
    ) -> None:
        self._own = own
        self._linked = linked
        self._load = load
        self._is_known = is_known
        self._max_transaction_bytes = max_transaction_bytes
        self._registered: dict[str, RegisteredPeer] = {}

    def own(self) -> RegisteredPeer:
        """This node."""
        return self._describe(self._own())

    def peer_list(self, requesting_peer_id: str, most: int) -> tuple[Sequence[RegisteredPeer], int]:
        """Linked peers and registered clients, never the one who asks."""
        listed = [self._describe(record) for record in self._linked()] + self._current_registrations()
        others = [peer for peer in listed if peer.peer_id != requesting_peer_id]
        return others[: most if 0 < most < _MOST_LISTED else _MOST_LISTED], len(others)

    def register(self, peer: RegisteredPeer) -> tuple[bool, str]:
        """List a client for an hour; it may register again at any time."""
        if not peer.peer_id or not peer.address:
            return False, "peer_id and address are needed"
        if len(peer.protocols) > _MOST_PROTOCOLS or any(
            len(text) > _MOST_CHARS for text in (peer.peer_id, peer.address, *peer.protocols)
        ):
            return False, f"peer_id, address and each of {_MOST_PROTOCOLS} protocols have at most {_MOST_CHARS} characters"
        if peer.peer_id not in self._registered and len(self._current_registrations()) >= _MOST_REGISTERED:
            return False, "the list of registered clients is full"
        self._registered[peer.peer_id] = peer._replace(last_seen_at=int(time.time()))
        return True, "registered"

    def ping(self, peer_id: str) -> None:
        """A registered client is still there."""
        peer = self._registered.get(peer_id)
        if peer is not None:
            self._registered[peer_id] = peer._replace(last_seen_at=int(time.time()))

    def notify(self, tx_hash: str, sender_peer_id: str, size: int) -> NotifyAnswer:
        """Whether it is known here. It is not fetched: foreign clients cannot be asked for it in this version."""
        return NotifyAnswer(already_known=self._is_known(parse_tx_hash(tx_hash)), will_request=False)

    def payload(self, tx_hash: str) -> bytes | None:
        """The payload of a stored transaction."""
        return self._load(parse_tx_hash(tx_hash))

    def listening(self) -> Iterator[Endpoint]:
        """Where this node listens."""
        yield from self._own().endpoints

    def _current_registrations(self) -> list[RegisteredPeer]:
        oldest = time.time() - _REGISTRATION_S
        self._registered = {key: peer for key, peer in self._registered.items() if peer.last_seen_at >= oldest}
        return list(self._registered.values())

    def _describe(self, record: PeerRecord) -> RegisteredPeer:
        endpoint = next((e for e in record.endpoints if e.scheme == "grpc"), None)
        schemes = dict.fromkeys(e.scheme for e in record.endpoints)
        return RegisteredPeer(
            peer_id=record.peer_id,
            address=endpoint.host if endpoint else "",
            port=endpoint.port if endpoint else 0,
            protocols=[name for scheme in schemes for name in _PROTOCOLS.get(scheme, ())],
            last_seen_at=int(time.time()),
            supports_streaming=True,
            supports_distribution=True,
            max_transaction_bytes=self._max_transaction_bytes,
        )
